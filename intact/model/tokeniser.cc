#include "intact/model/tokeniser.h"

#include <algorithm>
#include <array>

namespace intact::model {
namespace {

enum class ByteKind : uint8_t { kOther, kDigit, kUpper, kLower };

constexpr std::array<ByteKind, 256> kKinds = [] {
  std::array<ByteKind, 256> kinds{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    kinds[byte] = byte >= '0' && byte <= '9'                    ? ByteKind::kDigit
                  : byte >= 'A' && byte <= 'Z'                  ? ByteKind::kUpper
                  : (byte >= 'a' && byte <= 'z') || byte >= 128 ? ByteKind::kLower
                                                                : ByteKind::kOther;
  }
  return kinds;
}();

ByteKind KindAt(std::string_view text, size_t at) {
  return at < text.size() ? kKinds[static_cast<unsigned char>(text[at])] : ByteKind::kOther;
}

size_t RunEnd(std::string_view text, size_t at, ByteKind kind) {
  while (KindAt(text, at) == kind) ++at;
  return at;
}

bool IsLetter(ByteKind kind) { return kind == ByteKind::kUpper || kind == ByteKind::kLower; }

}  // namespace

size_t Tokeniser::TokenEnd() const {
  const ByteKind kind = KindAt(text_, position_);
  const size_t end = RunEnd(text_, position_, kind);
  if (kind != ByteKind::kUpper) return end;
  const size_t size = end - position_;
  const bool is_plural =
      size >= 2 && end < text_.size() && text_[end] == 's' && !IsLetter(KindAt(text_, end + 1));
  if (is_plural) return end + 1;
  if (KindAt(text_, end) != ByteKind::kLower) return end;
  if (size >= 2) return end - 1;
  return RunEnd(text_, end, ByteKind::kLower);
}

bool Tokeniser::Next(Token& token) {
  if (position_ == token_end_) {
    while (position_ < text_.size() && KindAt(text_, position_) == ByteKind::kOther) ++position_;
    if (position_ == text_.size()) return false;
    token_end_ = TokenEnd();
  }
  const size_t size = std::min(token_end_ - position_, kTokenSizeMax);
  token.bytes = text_.substr(position_, size);
  position_ += size;
  uint64_t hash = kFnvOffset;
  for (const char c : token.bytes) hash = FnvStep(hash, static_cast<unsigned char>(LowerAscii(c)));
  token.hash = hash;
  return true;
}

}  // namespace intact::model
