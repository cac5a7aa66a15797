// Any bytes as a manifest: as they are, and with the checksum made right.
#include "intact/format/manifest.h"

namespace base = intact::base;
namespace format = intact::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::ByteSpan input = std::as_bytes(std::span(data, size));
  static_cast<void>(format::DecodeManifest(input, "manifest").ok());
  // A valid manifest with the input laid over it from a place that its first byte names.
  format::Manifest manifest;
  manifest.spec = {"name", 8, format::Metric::kDot, "model"};
  manifest.version = 3;
  manifest.next_row = 20;
  manifest.next_segment = 5;
  manifest.segments = {{1, 5000, 0, 10, {}}, {4, 6000, 10, 10, {}}};
  manifest.engine_state.resize(10);
  base::Bytes bytes = format::EncodeManifest(manifest);
  if (!input.empty()) {
    const size_t begin = 8 + static_cast<size_t>(input[0]) % (bytes.size() - 16);
    input = input.subspan(1);
    const size_t used = std::min(input.size(), bytes.size() - 4 - begin);
    std::copy_n(input.begin(), used, bytes.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  const base::ByteSpan content = base::ByteSpan(bytes).first(bytes.size() - 4);
  base::Store(bytes.data() + content.size(), base::Crc32c(content));
  const auto decoded = format::DecodeManifest(bytes, "manifest");
  if (decoded.ok()) {
    const auto again = format::DecodeManifest(format::EncodeManifest(*decoded), "manifest");
    INTACT_CHECK(again.ok() && *again == *decoded);
  }
  return 0;
}
