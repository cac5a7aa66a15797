// Byte shuffle: byte k of every element before byte k + 1 of any, so that bytes of one meaning
// (sign and exponent, say) stand together and a general codec finds their repetitions.
// Thread-safe.
#pragma once

#include "intact/base/base.h"

namespace intact::codec {

// `source` as elements of `element_size` >= 1 bytes into `target` of the same size, which does not
// overlap it; bytes after the last whole element are copied to the end as they are.
void ShuffleBytes(size_t element_size, base::ByteSpan source, base::MutableByteSpan target);

// The inverse.
void UnshuffleBytes(size_t element_size, base::ByteSpan source, base::MutableByteSpan target);

}  // namespace intact::codec
