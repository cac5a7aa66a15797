#include "intact/format/postings.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace intact::format {
namespace {

constexpr uint32_t kMagic = 0x54535049;  // "IPST"
constexpr uint32_t kLayout = 1;

struct Header {
  uint32_t magic;
  uint32_t layout;
  uint32_t term_count;
  uint32_t chunk_count;
  uint64_t list_size;
  uint8_t zero[40];
};
static_assert(sizeof(Header) == 64 && offsetof(Header, list_size) == 16);

// Lays out terms that arrive in ascending order of their hashes.
class SectionWriter {
 public:
  void ReserveLists(uint64_t size) { lists_.Reserve(size); }
  // Starts the list of a term; without postings it leaves no trace.
  void BeginTerm(uint64_t hash) {
    EndTerm();
    hash_ = hash;
    next_ = 0;
    list_begin_ = lists_.size();
  }
  void AddPosting(uint32_t chunk, uint32_t count) {
    const uint64_t gap = chunk - next_;
    lists_.PutVarint(gap << 1 | (count > 1 ? 1 : 0));
    if (count > 1) lists_.PutVarint(count - 2);
    next_ = uint64_t{chunk} + 1;
  }
  base::Bytes Finish(uint32_t chunk_count) {
    EndTerm();
    INTACT_CHECK(lists_.size() <= UINT32_MAX);
    Header header{};
    header.magic = kMagic;
    header.layout = kLayout;
    header.term_count = static_cast<uint32_t>(hashes_.size());
    header.chunk_count = chunk_count;
    header.list_size = lists_.size();
    offsets_.push_back(static_cast<uint32_t>(lists_.size()));
    base::ByteWriter section;
    section.Reserve(sizeof(header) + hashes_.size() * 12 + 4 + lists_.size());
    section.Put(header);
    section.PutBytes(std::as_bytes(std::span(hashes_)));
    section.PutBytes(std::as_bytes(std::span(offsets_)));
    section.PutBytes(lists_.bytes());
    return section.Take();
  }

 private:
  void EndTerm() {
    if (lists_.size() == list_begin_) return;
    hashes_.push_back(hash_);
    offsets_.push_back(static_cast<uint32_t>(list_begin_));
    list_begin_ = lists_.size();
  }

  std::vector<uint64_t> hashes_;
  std::vector<uint32_t> offsets_;
  base::ByteWriter lists_;
  uint64_t hash_ = 0;
  uint64_t next_ = 0;  // The chunk after the last one added.
  size_t list_begin_ = 0;
};

}  // namespace

void PostingsBuilder::AddChunk(uint32_t chunk, std::span<const TermCount> terms) {
  for (const TermCount& term : terms) entries_.push_back({term.hash, chunk, term.count});
}

base::Bytes PostingsBuilder::Finish(uint32_t chunk_count) {
  // Chunks came in order, so a stable scatter by the hash's top byte and a sort of each small part
  // by (hash, chunk) give (hash, chunk) order over all; the parts fit the cache, which a whole sort
  // would not.
  std::array<size_t, 257> begins{};
  for (const Entry& entry : entries_) ++begins[(entry.hash >> 56) + 1];
  for (size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
  std::vector<Entry> sorted(entries_.size());
  std::array<size_t, 257> ends = begins;
  for (const Entry& entry : entries_) sorted[ends[entry.hash >> 56]++] = entry;
  entries_ = {};
  for (size_t part = 0; part < 256; ++part) {
    std::sort(sorted.begin() + static_cast<std::ptrdiff_t>(begins[part]),
              sorted.begin() + static_cast<std::ptrdiff_t>(begins[part + 1]),
              [](const Entry& a, const Entry& b) {
                return a.hash != b.hash ? a.hash < b.hash : a.chunk < b.chunk;
              });
  }
  SectionWriter writer;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || sorted[i].hash != sorted[i - 1].hash) writer.BeginTerm(sorted[i].hash);
    writer.AddPosting(sorted[i].chunk, sorted[i].count);
  }
  return writer.Finish(chunk_count);
}

bool PostingList::Next(Posting& posting) {
  if (reader_.remaining() == 0) return false;
  const uint64_t head = reader_.GetVarint();
  const uint64_t extra = (head & 1) != 0 ? reader_.GetVarint() + 1 : 0;
  const uint64_t gap = head >> 1;
  if (!reader_.ok() || next_ >= chunk_count_ || gap >= chunk_count_ - next_ ||
      extra >= UINT32_MAX) {
    reader_ = base::ByteReader({});
    return false;
  }
  posting.chunk = static_cast<uint32_t>(next_ + gap);
  posting.count = static_cast<uint32_t>(extra + 1);
  next_ = uint64_t{posting.chunk} + 1;
  return true;
}

base::Result<PostingsView> PostingsView::Parse(base::ByteSpan section) {
  PostingsView view;
  if (section.empty()) return view;
  if (section.size() < sizeof(Header))
    return base::Corruption("postings are shorter than their header");
  const auto header = base::Load<Header>(section.data());
  if (header.magic != kMagic) return base::Corruption("postings have a wrong magic number");
  if (header.layout != kLayout) {
    return base::Unsupported("postings have layout " + std::to_string(header.layout) +
                             "; this version reads layout 1");
  }
  const uint64_t hashes_size = uint64_t{header.term_count} * 8;
  const uint64_t offsets_size = (uint64_t{header.term_count} + 1) * 4;
  if (header.list_size > section.size() ||
      sizeof(Header) + hashes_size + offsets_size + header.list_size != section.size()) {
    return base::Corruption("postings of " + std::to_string(section.size()) +
                            " bytes do not have the size their counts give");
  }
  view.term_count_ = header.term_count;
  view.chunk_count_ = header.chunk_count;
  view.hashes_ = section.data() + sizeof(Header);
  view.offsets_ = view.hashes_ + hashes_size;
  view.lists_ = section.last(header.list_size);
  return view;
}

uint64_t PostingsView::hash(uint32_t index) const {
  INTACT_DCHECK(index < term_count_);
  return base::Load<uint64_t>(hashes_ + size_t{index} * 8);
}

PostingList PostingsView::list(uint32_t index) const {
  INTACT_DCHECK(index < term_count_);
  const auto begin = base::Load<uint32_t>(offsets_ + size_t{index} * 4);
  const auto end = base::Load<uint32_t>(offsets_ + size_t{index} * 4 + 4);
  if (begin > end || end > lists_.size()) return {};
  return PostingList(lists_.subspan(begin, end - begin), chunk_count_);
}

PostingList PostingsView::Find(uint64_t term_hash) const {
  uint32_t low = 0;
  for (uint32_t high = term_count(); low < high;) {
    const uint32_t middle = low + (high - low) / 2;
    if (hash(middle) < term_hash) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == term_count() || hash(low) != term_hash) return {};
  return list(low);
}

base::Bytes MergePostings(std::span<const PostingsInput> inputs, uint32_t chunk_count) {
  SectionWriter writer;
  uint64_t list_size = 0;
  for (const PostingsInput& input : inputs) list_size += input.postings.list_size();
  writer.ReserveLists(list_size);
  std::vector<uint32_t> at(inputs.size(), 0);  // The next term of each input.
  while (true) {
    bool found = false;
    uint64_t smallest = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (at[i] == inputs[i].postings.term_count()) continue;
      const uint64_t hash = inputs[i].postings.hash(at[i]);
      if (!found || hash < smallest) smallest = hash;
      found = true;
    }
    if (!found) return writer.Finish(chunk_count);
    writer.BeginTerm(smallest);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const PostingsInput& input = inputs[i];
      if (at[i] == input.postings.term_count() || input.postings.hash(at[i]) != smallest) continue;
      PostingList list = input.postings.list(at[i]++);
      for (Posting posting; list.Next(posting);) {
        if (posting.chunk >= input.chunk_map.size()) continue;
        const uint32_t chunk = input.chunk_map[posting.chunk];
        if (chunk != kDroppedChunk) writer.AddPosting(chunk, posting.count);
      }
    }
  }
}

}  // namespace intact::format
