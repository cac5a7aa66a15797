#include "intact/model/safetensors.h"

#include "intact/base/utf8.h"
#include "intact/model/json_fields.h"

namespace intact::model {
namespace {

constexpr uint64_t kHeaderSizeMax = 100'000'000;  // The format's own limit.
constexpr size_t kTensorCountMax = 100'000;
constexpr size_t kShapeSizeMax = 8;

// The product of the shape and the element's size; UINT64_MAX when it is too large to be one.
uint64_t SizeOf(const Tensor& tensor) {
  uint64_t size = TensorElementSize(tensor.type);
  for (const uint64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(size, extent, &size)) return UINT64_MAX;
  }
  return size;
}

base::Status Wrong(const std::string& name, const std::string& what) {
  return base::Corruption("the tensor " + name + " " + what);
}

base::Result<Tensor> ParseTensor(const std::string& name, std::string_view fields,
                                 base::ByteSpan data) {
  Tensor tensor{.name = name};
  std::vector<uint64_t> place;
  const auto read_counts = [&](std::string_view array, std::vector<uint64_t>& counts) {
    return ForEachElement(array, [&](std::string_view value) {
      const std::optional<uint64_t> count = CountOf(value);
      if (!count || counts.size() == kShapeSizeMax)
        return Wrong(name, "has a shape or place of other than a few whole numbers");
      counts.push_back(*count);
      return base::Ok();
    });
  };
  INTACT_RETURN_IF_ERROR(
      ForEachField(fields, [&](const std::string& field, std::string_view value) {
        if (field == "shape") return read_counts(value, tensor.shape);
        if (field == "data_offsets") return read_counts(value, place);
        if (field == "dtype") tensor.type = TextOf(value).value_or("");
        return base::Ok();
      }));
  if (tensor.type.empty()) return Wrong(name, "has no type");
  if (place.size() != 2 || place[0] > place[1] || place[1] > data.size())
    return Wrong(name, "lies outside the file of which it is said to be a part");
  tensor.bytes = data.subspan(place[0], place[1] - place[0]);
  if (TensorElementSize(tensor.type) != 0 && SizeOf(tensor) != tensor.bytes.size()) {
    return Wrong(name, "has " + std::to_string(tensor.bytes.size()) +
                           " bytes, which is not what its type and shape need");
  }
  return tensor;
}

}  // namespace

size_t TensorElementSize(std::string_view type) {
  if (type == "F64" || type == "I64") return 8;
  if (type == "F32" || type == "I32") return 4;
  if (type == "F16") return 2;
  return type == "I8" ? 1 : 0;
}

base::Result<std::vector<Tensor>> ParseSafetensors(base::ByteSpan file) {
  constexpr size_t kPrefixSize = 8;
  const auto not_one = [] {
    return base::InvalidArgument("not a safetensors file: it does not begin with a header");
  };
  if (file.size() < kPrefixSize) return not_one();
  const auto header_size = base::Load<uint64_t>(file.data());
  if (header_size > kHeaderSizeMax || header_size > file.size() - kPrefixSize) return not_one();
  const std::string_view header = base::AsText(file.subspan(kPrefixSize, header_size));
  if (!header.starts_with('{')) return not_one();
  if (!base::IsUtf8(header)) return base::Corruption("a safetensors header is not UTF-8");
  const base::ByteSpan data = file.subspan(kPrefixSize + header_size);
  std::vector<Tensor> tensors;
  const base::Status status =
      ForEachField(header, [&](const std::string& name, std::string_view value) -> base::Status {
        if (name == "__metadata__") return base::Ok();
        if (tensors.size() == kTensorCountMax)
          return base::Unsupported("a safetensors file has over 100,000 tensors");
        INTACT_ASSIGN_OR_RETURN(tensors.emplace_back(), ParseTensor(name, value, data));
        return base::Ok();
      });
  if (!status.ok()) return status.Annotate("safetensors header");
  return tensors;
}

}  // namespace intact::model
