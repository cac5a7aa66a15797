// Vectors to measure searches on, with their codes, and queries for them: from a store, from a
// file, or made by a rule. Internal to engine; thread-safe once made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/row_source.h"
#include "intact/search/topk.h"

namespace intact::engine {

struct SearchSetOptions {
  // Of a rule; of .f32 files whose name does not say. 0: not said.
  uint32_t dimensions = 0;
  uint64_t rows = 0;           // To be made, or to be taken from a file at most. 0: not said.
  std::string queries;         // A file of query vectors; empty: the set has its own.
  std::string questions;       // Or a file of texts, one a line, for an index to be asked.
  std::string model;           // That embeds them; empty: the built-in one.
  size_t query_count = 1'000;  // At most.
  std::string metric;  // "cosine", "dot", "euclidean" or "hamming"; empty: the store's, or cosine.
  uint64_t seed = 1;   // Of all that is made or drawn.
  unsigned thread_count = 1;  // For getting it ready.
};

class SearchSet {
 public:
  // What queries are, where no file gives them.
  static constexpr char kHeldOutRows[] = "rows held out";    // Of a file: not searched themselves.
  static constexpr char kChangedRows[] = "changed rows";     // Of a store: rows with noise added.
  static constexpr char kFurtherRows[] = "further vectors";  // By the same rule.

  virtual ~SearchSet() = default;

  // The vectors of the file at `path`. kInvalidArgument: no file of vectors, a damaged one, a
  // number that is none or no float32, too few rows. kNotFound: no such file.
  static base::Result<std::unique_ptr<SearchSet>> Read(const std::string& path,
                                                       const SearchSetOptions& options);
  // All rows of the newest version of an index or a collection, those that nothing refers to any
  // more among them. kNotFound when there is none; kInvalidArgument when it has no rows.
  static base::Result<std::unique_ptr<SearchSet>> Open(const std::string& store,
                                                       const SearchSetOptions& options);
  // 100,000 rows of 384 dimensions by search_rule.h, unless told otherwise. kInvalidArgument for
  // another rule, or more than 32 GiB.
  static base::Result<std::unique_ptr<SearchSet>> Make(std::string_view rule,
                                                       const SearchSetOptions& options);

  const std::string& name() const { return name_; }
  std::string_view kind() const { return kind_; }  // "file", "store" or "rule".
  bool is_whole() const { return is_whole_; }      // False: the file has more rows than were taken.
  uint32_t dimensions() const { return dimensions_; }
  uint64_t row_count() const { return ids_.size(); }
  search::Metric metric() const { return metric_; }
  std::string_view metric_name() const { return metric_name_; }
  // [m, d], and where they are from: a path, or one of the above.
  std::span<const float> queries() const { return queries_; }
  const std::string& queries_name() const { return queries_name_; }
  size_t query_count() const { return queries_.size() / dimensions_; }
  std::span<const float> query(size_t i) const {
    return std::span(queries_).subspan(i * dimensions_, dimensions_);
  }

  virtual const search::VectorSource& source() const = 0;
  std::span<const uint64_t> ids() const { return ids_; }  // [n], ascending: the id of each row.
  // [n, d] as float32; empty for a store until LoadVectors.
  std::span<const float> vectors() const { return vectors_; }
  // Of a store: what opening it took, until it could be searched.
  double open_seconds() const { return open_seconds_; }
  virtual base::Status LoadVectors(unsigned thread_count) = 0;
  // Of a store; null otherwise.
  virtual std::shared_ptr<const store::Snapshot> snapshot() const { return nullptr; }

  // What an exact search scans: high codes and bounds, or whole codes and scales.
  std::vector<base::ByteSpan> ScannedBytes() const;
  // The same of one row, what a row costs that is looked at more closely, and all codes.
  uint64_t scanned_row_size() const;
  uint64_t refined_row_size() const;
  uint64_t code_bytes() const { return row_count() * (scanned_row_size() + refined_row_size()); }

 protected:
  SearchSet() = default;
  base::Status SetMetric(const SearchSetOptions& options, std::string_view otherwise);
  // From the file, when the options name one.
  base::Status ReadQueries(const SearchSetOptions& options);
  // At most as many as the options say, and where they are from.
  void TakeQueries(std::vector<float> queries, const SearchSetOptions& options,
                   const std::string& name);

  std::string name_;
  std::string_view kind_;
  bool is_whole_ = true;
  uint32_t dimensions_ = 0;
  search::Metric metric_ = search::Metric::kCosine;
  std::string_view metric_name_;
  std::vector<uint64_t> ids_;
  std::vector<float> vectors_;
  std::vector<float> queries_;
  std::string queries_name_;
  double open_seconds_ = 0;
};

}  // namespace intact::engine
