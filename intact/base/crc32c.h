// CRC-32C (Castagnoli, reflected 0x82F63B78), the check on every stored page, section and row.
// Finds every burst of up to 32 bits; it is not a signature. Thread-safe.
#pragma once

#include <cstdint>

#include "intact/base/bytes.h"

namespace intact::base {

// The CRC of `bytes`; pass an earlier result as `crc` to continue it over further bytes.
uint32_t Crc32c(ByteSpan bytes, uint32_t crc = 0);

// The table-driven definition that Crc32c is tested against.
uint32_t Crc32cPortable(ByteSpan bytes, uint32_t crc = 0);

}  // namespace intact::base
