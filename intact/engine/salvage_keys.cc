// Vectors by key of a damaged store into a new one, and of an index the documents of which every
// part is whole. What the index lacks then, its next update makes again: it finds the vectors by
// their keys, so nothing is embedded twice.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "intact/embed/embed.h"
#include "intact/engine/salvage_rows.h"
#include "intact/format/catalog.h"
#include "intact/format/index_state.h"
#include "intact/format/postings.h"
#include "intact/os/os.h"
#include "intact/store/store.h"

namespace intact::engine {
namespace {

constexpr size_t kBatchSize = size_t{32} << 20;  // Bytes of vectors.

struct KeptRow {
  size_t segment = 0;
  uint32_t row = 0;
};

class KeySalvager {
 public:
  KeySalvager(SalvageRun& run, bool is_index)
      : run_(run), source_(run.source()), is_index_(is_index) {}

  base::Status Run() {
    for (size_t s = source_.segments.size(); s-- > 0;) INTACT_RETURN_IF_ERROR(Collect(s));
    std::reverse(kept_.begin(), kept_.end());
    if (has_unknown_deletes_) {
      run_.report().caveats.emplace_back(
          "A list of deleted keys is damaged: some of them may be back.");
    }
    if (has_unknown_keys_ && !is_index_) {
      run_.report().caveats.emplace_back(
          "Of some lost rows the keys are not known: where such a row had replaced an older one, "
          "the "
          "older one is in the new store.");
    }
    INTACT_RETURN_IF_ERROR(OpenTarget());
    return is_index_ ? WriteIndex() : WriteVectors();
  }

 private:
  // Newest segment first, and in it the newest row: what was seen already replaced what comes.
  base::Status Collect(size_t s) {
    const store::SalvagedSegment& segment = source_.segments[s];
    std::vector<float> vector(source_.spec.dimensions);
    std::vector<uint32_t> lost;
    for (uint32_t row = segment.row_count(); row-- > 0;) {
      INTACT_RETURN_IF_ERROR(run_.Step());
      const auto key = segment.Key(row);
      if (!key.ok()) {
        has_unknown_keys_ = true;
        lost.push_back(row);
        continue;
      }
      if (hidden_.contains(*key)) {
        ++run_.report().rows_left_behind;
        continue;
      }
      const base::Status read = source_.ReadRow(segment, row, vector);
      if (read.ok()) {
        kept_.push_back({s, row});
      } else {
        run_.Lose(segment, row, read.message(), "", key->ToHex());
      }
      // A key of an index says what the vector is: an older row of it is as good.
      if (read.ok() || !is_index_) hidden_.insert(*key);
    }
    for (auto row = lost.rbegin(); row != lost.rend(); ++row) {
      run_.Lose(segment, *row,
                segment.problem().ok() ? "its key is damaged" : segment.problem().message());
    }
    HideDeleted(segment);
    return base::Ok();
  }

  void HideDeleted(const store::SalvagedSegment& segment) {
    const auto bytes = segment.Section(format::kSectionDeletedKeys);
    if (!bytes.ok()) {
      has_unknown_deletes_ |= segment.problem().ok();
      return;
    }
    for (size_t at = 0; at + sizeof(base::Digest) <= bytes->size(); at += sizeof(base::Digest)) {
      hidden_.insert(base::Load<base::Digest>(bytes->data() + at));
    }
  }

  base::Status OpenTarget() {
    store::OpenOptions open;
    open.create = true;
    open.spec = source_.spec;
    if (is_index_ && !source_.has_manifest) {
      // Keys are made of the model's identity and the text: with another model none would be found.
      const auto embedder = embed::OpenLocalEmbedder();
      if (embedder.ok() && (*embedder)->dimensions() == source_.spec.dimensions) {
        open.spec->model = (*embedder)->identity();
      }
    }
    INTACT_ASSIGN_OR_RETURN(target_,
                            store::Store::OpenWriter(os::RealFileSystem(), run_.target(), open));
    return base::Ok();
  }

  // Calls `commit(keys, vectors, is_last)` batch by batch; at least once.
  template <typename Commit>
  base::Status ForEachBatch(const Commit& commit) {
    const size_t d = source_.spec.dimensions;
    const size_t batch_rows = std::max<size_t>(1, kBatchSize / (d * sizeof(float)));
    std::vector<base::Digest> keys;
    std::vector<float> vectors;
    size_t done = 0;
    do {
      const size_t count = std::min(batch_rows, kept_.size() - done);
      keys.clear();
      vectors.resize(count * d);
      for (size_t i = 0; i < count; ++i) {
        INTACT_RETURN_IF_ERROR(run_.Step());
        const auto [s, row] = kept_[done + i];
        const store::SalvagedSegment& segment = source_.segments[s];
        INTACT_ASSIGN_OR_RETURN(const base::Digest key, segment.Key(row));
        keys.push_back(key);
        INTACT_RETURN_IF_ERROR(source_.ReadRow(segment, row, std::span(vectors).subspan(i * d, d)));
      }
      done += count;
      INTACT_RETURN_IF_ERROR(commit(store::NewRows{keys, vectors}, done == kept_.size()));
    } while (done < kept_.size());
    run_.report().rows_saved = kept_.size();
    return base::Ok();
  }

  base::Status WriteVectors() {
    for (const store::SalvagedSegment& segment : source_.segments) {
      for (const uint32_t kind : segment.EngineSections()) left_out_.insert(kind);
    }
    for (const uint32_t kind : left_out_) {
      run_.report().caveats.push_back("Sections of kind " + std::to_string(kind) +
                                      ", which this program does not know, were left out.");
    }
    return ForEachBatch([&](const store::NewRows& rows, bool) {
      store::WriteBatch batch;
      batch.puts = rows;
      return target_->Write(batch).status();
    });
  }

  base::Status WriteIndex() {
    MakeDocuments();
    return ForEachBatch([&](const store::NewRows& rows, bool is_last) {
      store::CommitRequest request;
      request.rows = rows;
      request.drops_parent = true;
      std::vector<store::SectionInput> sections;
      if (is_last) {
        request.engine_state = state_.Encode();
        if (file_count_ > 0) {
          sections = {{format::kSectionCatalog, catalog_}, {format::kSectionPostings, postings_}};
        }
      }
      request.sections = std::move(sections);
      return target_->Commit(request).status();
    });
  }

  // Catalog and postings of the documents all of whose chunks' rows were saved.
  void MakeDocuments() {
    SalvageReport& report = run_.report();
    const auto state = format::IndexState::Parse(source_.engine_state);
    if (!source_.is_newest || !state.ok() || source_.engine_state.empty()) {
      // Which documents are still current is not known.
      report.are_documents_complete = false;
      return;
    }
    state_ = *state;
    state_.dead_files.clear();
    state_.files = state_.chunks = state_.source_bytes = 0;
    std::unordered_map<uint64_t, uint64_t> new_rows;  // By old row id.
    for (size_t i = 0; i < kept_.size(); ++i) {
      new_rows[source_.segments[kept_[i].segment].first_row() + kept_[i].row] = i;
    }
    format::CatalogBuilder catalog;
    std::vector<format::PostingsInput> inputs;
    for (const store::SalvagedSegment& segment : source_.segments) {
      const auto dead = state->dead_files.find(segment.id());
      static const std::vector<uint32_t> kNone;
      AddDocuments(segment, dead == state->dead_files.end() ? kNone : dead->second, new_rows,
                   catalog, inputs);
    }
    file_count_ = catalog.file_count();
    postings_ = format::MergePostings(inputs, catalog.chunk_count());
    catalog_ = catalog.Finish();
    report.are_documents_complete &= report.documents_dropped == 0;
    state_.is_interrupted |= !report.are_documents_complete;
  }

  void AddDocuments(const store::SalvagedSegment& segment, const std::vector<uint32_t>& dead,
                    const std::unordered_map<uint64_t, uint64_t>& new_rows,
                    format::CatalogBuilder& catalog, std::vector<format::PostingsInput>& inputs) {
    SalvageReport& report = run_.report();
    const auto catalog_bytes = segment.Section(format::kSectionCatalog);
    const auto postings_bytes = segment.Section(format::kSectionPostings);
    if (!catalog_bytes.ok() || !postings_bytes.ok()) {
      report.are_documents_complete = false;
      return;
    }
    const auto files = format::CatalogView::Parse(*catalog_bytes);
    const auto postings = format::PostingsView::Parse(*postings_bytes);
    if (!files.ok() || !postings.ok()) {
      report.are_documents_complete = false;
      return;
    }
    format::PostingsInput input{*postings, {}};
    input.chunk_map.assign(files->chunk_count(), format::kDroppedChunk);
    for (uint32_t f = 0; f < files->file_count(); ++f) {
      if (std::binary_search(dead.begin(), dead.end(), f)) continue;
      const format::FileEntry file = files->file(f);
      const uint32_t end = file.first_chunk + file.chunk_count;
      bool is_whole = true;
      for (uint32_t c = file.first_chunk; c < end; ++c) {
        is_whole &= new_rows.contains(files->chunk_row(c));
      }
      if (!is_whole) {
        ++report.documents_dropped;
        continue;
      }
      catalog.AddFile(file);
      for (uint32_t c = file.first_chunk; c < end; ++c) {
        format::ChunkEntry chunk = files->chunk(c);
        chunk.row = new_rows.at(chunk.row);
        input.chunk_map[c] = catalog.AddChunk(chunk);
      }
      if (file.skip_reason != 0) continue;
      ++report.documents_saved;
      ++state_.files;
      state_.chunks += file.chunk_count;
      state_.source_bytes += file.size;
    }
    inputs.push_back(std::move(input));
  }

  SalvageRun& run_;
  const store::SalvagedStore& source_;
  const bool is_index_;
  std::vector<KeptRow> kept_;  // In the order of the rows, once all are collected.
  // Keys of which a newer row, or a deletion, was seen.
  std::unordered_set<base::Digest, base::DigestHash> hidden_;
  std::unordered_set<uint32_t> left_out_;
  bool has_unknown_deletes_ = false;
  bool has_unknown_keys_ = false;
  std::unique_ptr<store::Store> target_;
  format::IndexState state_;
  base::Bytes catalog_;
  base::Bytes postings_;
  uint32_t file_count_ = 0;
};

}  // namespace

base::Status SalvageKeys(SalvageRun& run, bool is_index) {
  return KeySalvager(run, is_index).Run();
}

}  // namespace intact::engine
