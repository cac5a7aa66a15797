// The postings section: for each term the chunks that contain it and how often. Layout:
// docs/format/index.md. Views borrow; thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"

namespace intact::format {

inline constexpr uint32_t kSectionPostings = 1001;

struct Posting {
  uint32_t chunk = 0;
  uint32_t count = 0;  // >= 1.
};

// A term of a chunk, named by its hash.
struct TermCount {
  uint64_t hash = 0;
  uint32_t count = 0;
};

// Collects postings and lays them out. About 16 bytes of memory a posting.
class PostingsBuilder {
 public:
  // The distinct terms of `chunk`; chunks come in ascending order, and need not all come.
  void AddChunk(uint32_t chunk, std::span<const TermCount> terms);
  // The section for a catalog of `chunk_count` chunks; the builder is empty afterwards.
  base::Bytes Finish(uint32_t chunk_count);

 private:
  struct Entry {
    uint64_t hash;
    uint32_t chunk;
    uint32_t count;
  };
  std::vector<Entry> entries_;
};

// Walks one term's list. A damaged list ends early.
class PostingList {
 public:
  PostingList() = default;
  PostingList(base::ByteSpan bytes, uint32_t chunk_count)
      : reader_(bytes), chunk_count_(chunk_count) {}
  // False at the end.
  bool Next(Posting& posting);

 private:
  base::ByteReader reader_{{}};
  uint32_t chunk_count_ = 0;
  uint64_t next_ = 0;
};

// Reads postings in place; borrows the section's bytes.
class PostingsView {
 public:
  PostingsView() = default;  // No terms.
  // kCorruption when counts and sizes do not fit, kUnsupported for another layout. No bytes: no
  // terms.
  static base::Result<PostingsView> Parse(base::ByteSpan section);

  uint32_t term_count() const { return static_cast<uint32_t>(term_count_); }
  uint32_t chunk_count() const { return chunk_count_; }
  uint64_t list_size() const { return lists_.size(); }  // Bytes of all lists.
  // `index` < term_count().
  uint64_t hash(uint32_t index) const;
  PostingList list(uint32_t index) const;
  // The list of the term; empty when it is not there. O(log terms).
  PostingList Find(uint64_t term_hash) const;

 private:
  const std::byte* hashes_ = nullptr;
  const std::byte* offsets_ = nullptr;
  base::ByteSpan lists_;
  uint64_t term_count_ = 0;
  uint32_t chunk_count_ = 0;
};

// One input of a merge: chunk i of `postings` becomes `chunk_map[i]`, or nothing when that is
// kDroppedChunk. The kept numbers ascend within an input and from input to input.
inline constexpr uint32_t kDroppedChunk = UINT32_MAX;
struct PostingsInput {
  PostingsView postings;
  std::vector<uint32_t> chunk_map;
};
// The section for a catalog of `chunk_count` chunks that joins the inputs. Terms left without
// chunks go.
base::Bytes MergePostings(std::span<const PostingsInput> inputs, uint32_t chunk_count);

}  // namespace intact::format
