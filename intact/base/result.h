// Errors as values. A `Code` says what the caller can do next; the message says what happened, with
// path, offset, expected and found, for a person. Values are thread-compatible.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "intact/base/check.h"

namespace intact::base {

enum class Code : unsigned char {
  kOk = 0,
  kInvalidArgument,  // Fix the call.
  kNotFound,         // Expected; ask elsewhere.
  kCorruption,       // The bytes are wrong; stop using this file.
  kUnsupported,      // Written by a newer version, or not built in; upgrade.
  kIo,               // The host refused; errno is in the message.
  kFull,             // A stated limit or the disk is full; free room or raise it.
  kUnavailable,      // Temporary (lock, rate limit, network); retry later.
  kCancelled,        // The caller asked for it.
};

// "invalid argument", "not found", ... for messages and logs.
std::string_view CodeName(Code code);

// Success, or a code and a message. Copyable; success costs no allocation.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {
    INTACT_CHECK(code != Code::kOk);
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // "corruption: segment 7: ..." or "ok".
  std::string ToString() const;
  // The same code with `context` and ": " before the message; success stays success.
  Status Annotate(std::string_view context) const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status Ok() { return Status(); }
inline Status InvalidArgument(std::string message) {
  return Status(Code::kInvalidArgument, std::move(message));
}
inline Status NotFound(std::string message) { return Status(Code::kNotFound, std::move(message)); }
inline Status Corruption(std::string message) {
  return Status(Code::kCorruption, std::move(message));
}
inline Status Unsupported(std::string message) {
  return Status(Code::kUnsupported, std::move(message));
}
inline Status IoError(std::string message) { return Status(Code::kIo, std::move(message)); }
inline Status Full(std::string message) { return Status(Code::kFull, std::move(message)); }
inline Status Unavailable(std::string message) {
  return Status(Code::kUnavailable, std::move(message));
}
inline Status Cancelled(std::string message) {
  return Status(Code::kCancelled, std::move(message));
}

// A value or the Status that says why there is none. Reading the value of a failure is a bug and
// aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): `return x;`
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    INTACT_CHECK(!status_.ok());
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  Code code() const { return status_.code(); }

  T& value() & {
    INTACT_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    INTACT_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    INTACT_CHECK(ok());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace intact::base

// Returns the Status out of the enclosing function when `expression` fails.
#define INTACT_RETURN_IF_ERROR(expression)                                        \
  do {                                                                            \
    if (::intact::base::Status intact_status = (expression); !intact_status.ok()) \
      return intact_status;                                                       \
  } while (false)

#define INTACT_CONCAT_INNER(a, b) a##b
#define INTACT_CONCAT(a, b) INTACT_CONCAT_INNER(a, b)
// INTACT_ASSIGN_OR_RETURN(auto x, F()): declares x from a Result, or returns its Status.
#define INTACT_ASSIGN_OR_RETURN(declaration, expression) \
  INTACT_ASSIGN_OR_RETURN_INNER(INTACT_CONCAT(intact_result_, __LINE__), declaration, expression)
#define INTACT_ASSIGN_OR_RETURN_INNER(name, declaration, expression) \
  auto name = (expression);                                          \
  if (!name.ok()) return name.status();                              \
  declaration = std::move(name).value()
