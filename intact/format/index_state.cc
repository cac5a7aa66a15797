#include "intact/format/index_state.h"

namespace intact::format {
namespace {

constexpr uint64_t kLayout = 1;

// The scalar fields in their order, for writing and reading alike.
template <typename State, typename Field>
void VisitScalars(State& state, const Field& field) {
  field(state.chunker_version);
  field(state.tokeniser_version);
  field(state.scope_flags);
  field(state.file_size_max);
  field(state.indexed_ns);
  field(state.is_interrupted);
  field(state.files);
  field(state.chunks);
  field(state.source_bytes);
  field(state.files_failed);
  field(state.chunks_embedded);
  field(state.chunks_reused);
}

base::Status Damaged() { return base::Corruption("the index state in the manifest is damaged"); }

}  // namespace

base::Bytes IndexState::Encode() const {
  base::ByteWriter writer;
  writer.PutVarint(kLayout);
  writer.PutString(root);
  VisitScalars(*this, [&](auto value) { writer.PutVarint(static_cast<uint64_t>(value)); });
  writer.PutVarint(skipped.size());
  for (const auto& [reason, count] : skipped) {
    writer.PutVarint(reason);
    writer.PutVarint(count);
  }
  writer.PutVarint(problems.size());
  for (const IndexProblem& problem : problems) {
    writer.PutString(problem.path);
    writer.PutString(problem.message);
  }
  writer.PutVarint(dead_files.size());
  for (const auto& [segment, files_dead] : dead_files) {
    writer.PutVarint(segment);
    writer.PutVarint(files_dead.size());
    uint64_t next = 0;
    for (const uint32_t file : files_dead) {
      writer.PutVarint(file - next);
      next = uint64_t{file} + 1;
    }
  }
  return writer.Take();
}

base::Result<IndexState> IndexState::Parse(base::ByteSpan bytes) {
  IndexState state;
  if (bytes.empty()) return state;
  base::ByteReader reader(bytes);
  if (const uint64_t layout = reader.GetVarint(); layout != kLayout) {
    return base::Unsupported("the index state has layout " + std::to_string(layout) +
                             "; this version reads layout 1: upgrade intact");
  }
  state.root = reader.GetString();
  VisitScalars(state, [&](auto& value) {
    value = static_cast<std::remove_reference_t<decltype(value)>>(reader.GetVarint());
  });
  // Each entry takes at least a byte, so the loops below end with the bytes.
  for (uint64_t left = reader.GetVarint(); left > 0 && reader.ok(); --left) {
    const uint64_t reason = reader.GetVarint();
    if (reason > UINT8_MAX) return Damaged();
    state.skipped[static_cast<uint8_t>(reason)] = reader.GetVarint();
  }
  const uint64_t problem_count = reader.GetVarint();
  if (problem_count > kIndexProblemsMax) return Damaged();
  for (uint64_t left = problem_count; left > 0 && reader.ok(); --left) {
    IndexProblem problem;
    problem.path = reader.GetString();
    problem.message = reader.GetString();
    state.problems.push_back(std::move(problem));
  }
  for (uint64_t left = reader.GetVarint(); left > 0 && reader.ok(); --left) {
    std::vector<uint32_t>& files_dead = state.dead_files[reader.GetVarint()];
    uint64_t next = 0;
    for (uint64_t count = reader.GetVarint(); count > 0 && reader.ok(); --count) {
      const uint64_t gap = reader.GetVarint();
      if (gap > UINT32_MAX || next + gap > UINT32_MAX) return Damaged();
      files_dead.push_back(static_cast<uint32_t>(next + gap));
      next += gap + 1;
    }
  }
  if (!reader.AtEnd()) return Damaged();
  return state;
}

}  // namespace intact::format
