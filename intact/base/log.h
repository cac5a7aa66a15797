// The one hook for messages from the library, which itself never writes to a stream. Callers that
// want them pass a LogSink down; there is no global sink.
#pragma once

#include <functional>
#include <string_view>

namespace intact::base {

enum class LogLevel : unsigned char { kInfo, kWarning };

// Called from any thread; must be thread-safe. May be empty: then messages are dropped.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

inline void Log(const LogSink& sink, LogLevel level, std::string_view message) {
  if (sink) sink(level, message);
}

}  // namespace intact::base
