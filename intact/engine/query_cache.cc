#include "intact/engine/query_cache.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "intact/base/digest.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

// An answer that quotes more files costs more to check than is worth it.
constexpr size_t kFilesMax = 256;

// Fields one after the other, so that no two lists of them are the same bytes.
class KeyDigester {
 public:
  explicit KeyDigester(std::string_view domain) { digester_.UpdateField(domain); }

  void Add(std::string_view text) { digester_.UpdateField(text); }
  template <typename T>
  void AddNumber(T value) {
    digester_.Update(std::as_bytes(std::span(&value, 1)));
  }
  void Add(const std::vector<std::string>& texts) {
    AddNumber(uint64_t{texts.size()});
    for (const std::string& text : texts) Add(text);
  }
  void Add(const QueryCache::Source& source) {
    Add(source.store_id);
    AddNumber(source.version);
    Add(source.model_identity);
    Add(source.root);
    Add(source.folder);
  }
  base::Digest Finish() { return digester_.Finish(); }

 private:
  base::Digester digester_;
};

base::Digest VectorKey(std::string_view model_identity, std::string_view text) {
  KeyDigester key("vector");
  key.Add(model_identity);
  key.Add(text);
  return key.Finish();
}

// The bindings name every field of a request: one that is new does not compile until it is part of
// the key.
base::Digest AnswerKey(const QueryCache::Source& source, const VectorSearchRequest& request) {
  const auto& [queries, k, minimum_score, filter, group_by, per_group, with_metadata,
               is_approximate, probes] = request;
  KeyDigester key("vector answer");
  key.Add(source);
  key.Add(base::AsText(base::AsBytes(std::span(queries))));
  key.AddNumber(uint64_t{k});
  key.AddNumber(uint8_t{minimum_score.has_value()});
  key.AddNumber(minimum_score.value_or(0));
  key.AddNumber(DigestOf(filter));
  key.Add(group_by);
  key.AddNumber(uint64_t{per_group});
  key.AddNumber(uint8_t{with_metadata});
  key.AddNumber(uint8_t{is_approximate});
  key.AddNumber(uint64_t{probes});
  return key.Finish();
}

base::Digest AnswerKey(const QueryCache::Source& source, const SearchRequest& request) {
  const auto& [query, k, mode, path_globs, languages, explain_score, is_approximate, probes,
               weights, query_vector, executor] = request;  // The last two change no answer.
  KeyDigester key("text answer");
  key.Add(source);
  key.Add(query);
  key.AddNumber(uint64_t{k});
  key.AddNumber(mode);
  key.Add(path_globs);
  key.Add(languages);
  key.AddNumber(uint8_t{explain_score});
  key.AddNumber(uint8_t{is_approximate});
  key.AddNumber(uint64_t{probes});
  key.AddNumber(uint64_t{weights.size()});
  for (const auto& [name, weight] : weights) {
    key.Add(name);
    key.AddNumber(weight);
  }
  return key.Finish();
}

size_t SizeOf(const std::string& text) { return sizeof(text) + text.capacity(); }

size_t SizeOf(const VectorSearchResponse& response) {
  size_t size = sizeof(response);
  for (const VectorSearchResult& result : response.results) {
    size += sizeof(result);
    for (const RecordHit& hit : result.hits) {
      size += sizeof(hit) + hit.id.capacity() + hit.metadata.capacity();
    }
  }
  return size;
}

size_t SizeOf(const SearchResponse& response) {
  size_t size = sizeof(response);
  for (const SearchHit& hit : response.hits) {
    size += sizeof(hit) + hit.path.capacity() + hit.language.capacity() + hit.symbol.capacity() +
            hit.text.capacity();
    for (const Signal& signal : hit.signals) size += sizeof(signal) + signal.name.capacity();
  }
  return size;
}

bool IsAsItWas(const std::string& path, const os::FileStat& before) {
  const auto now = os::StatPath(path);
  return now.ok() && *now == before;
}

}  // namespace

template <typename Value>
std::shared_ptr<const Value> QueryCache::Get(const base::Digest& key) {
  const std::shared_ptr<const Entry> entry = entries_.Find(key);
  if (entry == nullptr) return nullptr;
  return std::shared_ptr<const Value>(entry, std::get_if<Value>(entry.get()));
}

void QueryCache::Count(QueryCacheCounts::Kind QueryCacheCounts::*kind, bool is_hit) {
  base::MutexLock hold(mutex_);
  ++(is_hit ? (counts_.*kind).hits : (counts_.*kind).misses);
}

QueryCacheCounts QueryCache::counts() const {
  QueryCacheCounts counts;
  {
    base::MutexLock hold(mutex_);
    counts = counts_;
  }
  counts.memory = entries_.counts();
  return counts;
}

std::shared_ptr<const std::vector<float>> QueryCache::FindVector(std::string_view model_identity,
                                                                 std::string_view text) {
  if (!is_on_) return nullptr;
  auto vector = Get<std::vector<float>>(VectorKey(model_identity, text));
  Count(&QueryCacheCounts::vectors, vector != nullptr);
  return vector;
}

void QueryCache::AddVector(std::string_view model_identity, std::string_view text,
                           const std::vector<float>& vector) {
  if (!is_on_) return;
  entries_.Add(VectorKey(model_identity, text), std::make_shared<const Entry>(vector),
               sizeof(Entry) + vector.size() * sizeof(float));
}

std::shared_ptr<const VectorSearchResponse> QueryCache::Find(const Source& source,
                                                             const VectorSearchRequest& request) {
  if (!is_on_) return nullptr;
  auto response = Get<VectorSearchResponse>(AnswerKey(source, request));
  Count(&QueryCacheCounts::answers, response != nullptr);
  return response;
}

void QueryCache::Add(const Source& source, const VectorSearchRequest& request,
                     const VectorSearchResponse& response) {
  if (!is_on_) return;
  auto entry = std::make_shared<const Entry>(response);
  const size_t size = sizeof(Entry) + SizeOf(std::get<VectorSearchResponse>(*entry));
  entries_.Add(AnswerKey(source, request), std::move(entry), size);
}

std::shared_ptr<const SearchResponse> QueryCache::Find(const Source& source,
                                                       const SearchRequest& request) {
  if (!is_on_) return nullptr;
  auto answer = Get<TextAnswer>(AnswerKey(source, request));
  if (answer != nullptr &&
      !std::all_of(answer->files.begin(), answer->files.end(),
                   [](const QuotedFile& file) { return IsAsItWas(file.path, file.stat); })) {
    answer = nullptr;
  }
  Count(&QueryCacheCounts::answers, answer != nullptr);
  if (answer == nullptr) return nullptr;
  return std::shared_ptr<const SearchResponse>(answer, &answer->response);
}

void QueryCache::Add(const Source& source, const SearchRequest& request,
                     const SearchResponse& response, int64_t begin_ns) {
  if (!is_on_) return;
  std::set<std::string> paths;
  for (const SearchHit& hit : response.hits) paths.insert(os::JoinPath(source.root, hit.path));
  if (paths.size() > kFilesMax) return;
  TextAnswer answer;
  size_t size = sizeof(Entry);
  for (const std::string& path : paths) {
    const auto stat = os::StatPath(path);
    if (!stat.ok() || stat->ctime_ns + os::kStatSettledNs > begin_ns) return;
    const QuotedFile& file = answer.files.emplace_back(QuotedFile{path, *stat});
    size += sizeof(file) + SizeOf(file.path);
  }
  answer.response = response;
  size += SizeOf(answer.response);
  entries_.Add(AnswerKey(source, request), std::make_shared<const Entry>(std::move(answer)), size);
}

}  // namespace intact::engine
