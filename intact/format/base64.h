// Base64 as RFC 4648 has it, with padding. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "intact/base/base.h"

namespace intact::format {

// Takes nothing but the standard form, and is nullopt then.
std::optional<base::Bytes> DecodeBase64(std::string_view text);
void AppendBase64(base::ByteSpan bytes, std::string& out);

}  // namespace intact::format
