#include "intact/engine/vector_input.h"

#include "intact/os/os.h"

namespace intact::engine {

base::Status AsInputError(const base::Status& status) {
  if (status.code() != base::Code::kCorruption) return status;
  return base::InvalidArgument(status.message());
}

base::Status CheckUnchanged(const VectorInput& input) {
  if (input.mapping == nullptr) return base::Ok();
  const base::Status status = AsInputError(input.mapping->Check(os::MappingCheck::kContent));
  if (status.code() != base::Code::kInvalidArgument) return status;
  return base::InvalidArgument(status.message() + ": run again when it is written");
}

base::Result<VectorInput> OpenVectorInput(const std::string& path, uint32_t dimensions) {
  INTACT_ASSIGN_OR_RETURN(const os::FileStat stat, os::StatPath(path, true));
  if (stat.kind != os::EntryKind::kFile) {
    return base::InvalidArgument(path + " is not a regular file");
  }
  VectorInput input;
  INTACT_ASSIGN_OR_RETURN(input.mapping, os::RealFileSystem().Map(path));
  auto reader = format::OpenVectorFile(path, input.mapping->bytes(), {.dimensions = dimensions});
  INTACT_RETURN_IF_ERROR(CheckUnchanged(input));
  if (!reader.ok()) return AsInputError(reader.status());
  input.reader = *std::move(reader);
  return input;
}

base::Result<VectorInput> OpenVectorBytes(const std::string& name, base::ByteSpan bytes,
                                          uint32_t dimensions) {
  auto reader = format::OpenVectorFile(name, bytes, {.dimensions = dimensions});
  if (!reader.ok()) return AsInputError(reader.status());
  VectorInput input;
  input.reader = *std::move(reader);
  return input;
}

}  // namespace intact::engine
