#include "intact/engine/transfer.h"

#include <algorithm>

#include "intact/engine/collection_export.h"
#include "intact/engine/collection_writer.h"
#include "intact/engine/elements.h"
#include "intact/engine/vector_input.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

constexpr size_t kReadRows = 1024;
constexpr size_t kReadSize = size_t{4} << 20;
constexpr uint64_t kReleaseSize = uint64_t{64} << 20;
constexpr std::string_view kPartialEnding = ".intact-partial";

std::string DescribeShape(const format::VectorFileInfo& info) {
  return std::to_string(info.dimensions) + " dimensions of " +
         std::string(base::ElementTypeName(info.element)) +
         (info.has_ids ? " with ids" : " without ids");
}

size_t RowSize(const format::VectorFileInfo& info) {
  return info.dimensions * base::ElementSize(info.element);
}

// One run of ImportFiles.
class ImportRun {
 public:
  ImportRun(const ImportOptions& options, const TransferSink& progress)
      : options_(options), progress_(progress) {}

  base::Result<ImportReport> Run() {
    INTACT_RETURN_IF_ERROR(ReadHeaders());
    CollectionShape shape = ShapeOf(info_);
    shape.model = options_.model;
    shape.metric = options_.metric;
    if (options_.append && info_.has_ids) {
      return base::InvalidArgument("only rows without ids can be numbered on: leave out --append");
    }
    INTACT_ASSIGN_OR_RETURN(writer_, CollectionWriter::Open(os::RealFileSystem(), options_.store,
                                                            shape, options_.lock_wait_ms));
    if (options_.append) writer_->NumberFromEnd();
    for (const std::string& path : options_.files) {
      INTACT_RETURN_IF_ERROR(ReadFile(path));
      if (report_.is_interrupted) break;
      ++report_.files;
    }
    INTACT_RETURN_IF_ERROR(writer_->Commit());
    FillReport();
    return std::move(report_);
  }

 private:
  bool IsStopped() const { return options_.stop != nullptr && *options_.stop; }

  base::Result<VectorInput> Open(const std::string& path) const {
    if (path != kStandardInput) return OpenVectorInput(path, options_.dimensions);
    return OpenVectorBytes("standard input.jsonl", base::AsBytes(options_.input),
                           options_.dimensions);
  }

  // Opens every file once, so that what does not fit is found before anything is written.
  base::Status ReadHeaders() {
    bool is_total_known = true;
    for (size_t i = 0; i < options_.files.size(); ++i) {
      INTACT_ASSIGN_OR_RETURN(const VectorInput file, Open(options_.files[i]));
      const format::VectorFileInfo& info = file.reader->info();
      if (i == 0) info_ = info;
      if (info.dimensions != info_.dimensions || info.element != info_.element ||
          info.has_ids != info_.has_ids) {
        return base::InvalidArgument("the files do not agree: " + options_.files[0] + " has " +
                                     DescribeShape(info_) + ", " + options_.files[i] + " has " +
                                     DescribeShape(info) + ": import them into a --store each");
      }
      is_total_known = is_total_known && info.row_count.has_value();
      at_.rows_total += info.row_count.value_or(0);
      if (info.element == base::ElementType::kFloat64) {
        INTACT_RETURN_IF_ERROR(CheckFloat64(options_.files[i], file));
      }
    }
    if (!is_total_known) at_.rows_total = 0;
    return base::Ok();
  }

  base::Status CheckFloat64(const std::string& path, const VectorInput& file) const {
    const size_t count_max = ReadCount();
    format::VectorRows rows;
    std::vector<float> wide;
    for (uint64_t first_row = 0;; first_row += rows.count) {
      const base::Status status = file.reader->Next(count_max, rows);
      INTACT_RETURN_IF_ERROR(CheckUnchanged(file));
      if (!status.ok()) return AsInputError(status);
      if (rows.count == 0) return base::Ok();
      INTACT_RETURN_IF_ERROR(
          WidenRows(info_.element, rows.elements, info_.dimensions, first_row, wide)
              .Annotate(path));
      if (IsStopped()) return base::Cancelled("the import was stopped; nothing was written");
    }
  }

  base::Status ReadFile(const std::string& path) {
    INTACT_ASSIGN_OR_RETURN(const VectorInput file, Open(path));
    if (DescribeShape(file.reader->info()) != DescribeShape(info_)) {
      return base::InvalidArgument(path + " changed while it was read: run the import again");
    }
    const size_t count_max = ReadCount();
    format::VectorRows rows;
    for (uint64_t unreleased = 0;;) {
      if (IsStopped()) {
        report_.is_interrupted = true;
        return base::Ok();
      }
      const base::Status status = file.reader->Next(count_max, rows);
      // Before the rows go on their way into a commit.
      if (const base::Status unchanged = CheckUnchanged(file); !unchanged.ok()) {
        return Failed(unchanged);
      }
      if (!status.ok()) return Failed(AsInputError(status));
      if (rows.count == 0) return base::Ok();
      if (const base::Status added = writer_->Add(rows); !added.ok()) {
        return added.code() == base::Code::kInvalidArgument ? Failed(added.Annotate(path)) : added;
      }
      at_.rows_done += rows.count;
      at_.bytes_done += rows.elements.size();
      if (progress_) progress_(at_);
      unreleased += rows.elements.size();
      for (const std::string& text : rows.metadata) unreleased += text.size();
      if (unreleased >= kReleaseSize && file.mapping != nullptr) {
        file.mapping->Release(0, file.mapping->bytes().size());
        unreleased = 0;
      }
    }
  }

  // An input that cannot be read on: the rows before it are kept.
  base::Status Failed(const base::Status& status) {
    INTACT_RETURN_IF_ERROR(writer_->Commit());
    return base::Status(
        status.code(),
        status.message() + (at_.rows_done == 0 ? std::string("; no row was imported")
                                               : "; the first " + std::to_string(at_.rows_done) +
                                                     " rows were imported"));
  }

  size_t ReadCount() const {
    return std::clamp<size_t>(kReadSize / std::max<size_t>(RowSize(info_), 1), 1, kReadRows);
  }

  void FillReport() {
    const CollectionView& view = writer_->view();
    const ImportCounts& counts = writer_->counts();
    report_.version = view.snapshot().version();
    report_.rows = counts.total();
    report_.rows_added = counts.added;
    report_.rows_updated = counts.updated;
    report_.rows_unchanged = counts.unchanged;
    report_.records = view.record_count();
    report_.dimensions = info_.dimensions;
    report_.has_ids = info_.has_ids;
    report_.element = base::ElementTypeName(info_.element);
    report_.model = view.snapshot().spec().model;
    report_.metric = MetricName(view.snapshot().spec().metric);
    report_.bytes = at_.bytes_done;
  }

  const ImportOptions& options_;
  const TransferSink& progress_;
  format::VectorFileInfo info_;  // Of the first file; the others have its shape.
  TransferProgress at_;
  std::unique_ptr<CollectionWriter> writer_;
  ImportReport report_;
};

// Writes what comes one after the other.
class SequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<os::File> file) : file_(std::move(file)) {}

  base::Status Append(base::ByteSpan bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return buffer_.size() >= kBufferSize ? Flush() : base::Ok();
  }
  base::Status Finish() {
    INTACT_RETURN_IF_ERROR(Flush());
    return file_->Sync();
  }

 private:
  static constexpr size_t kBufferSize = size_t{1} << 20;

  base::Status Flush() {
    INTACT_RETURN_IF_ERROR(file_->WriteAt(size_, buffer_));
    size_ += buffer_.size();
    buffer_.clear();
    return base::Ok();
  }

  std::unique_ptr<os::File> file_;
  base::Bytes buffer_;
  uint64_t size_ = 0;
};

base::Result<ExportReport> ExportView(const CollectionView& view, const ExportOptions& options,
                                      const format::VectorFileWriter::Sink& sink,
                                      const TransferSink& progress) {
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  const format::VectorFileInfo info =
      InfoOf(view, {.kind = *options.kind, .vectors_only = options.vectors_only});
  ExportReport report;
  const auto counted = [&](base::ByteSpan bytes) {
    report.bytes += bytes.size();
    return sink(bytes);
  };
  auto writer = format::MakeVectorFileWriter(info, counted);
  if (!writer.ok()) {
    const bool has_text = info.has_ids || info.has_metadata;
    return base::Status(writer.code(),
                        writer.status().message() +
                            (has_text ? "; to leave out ids and metadata say --vectors-only" : ""));
  }
  const auto on_rows = [&](uint64_t rows) {
    if (progress) progress({rows, view.record_count(), rows * RowSize(info)});
    return options.stop == nullptr || !*options.stop;
  };
  INTACT_RETURN_IF_ERROR(Export(view, info, **writer, on_rows));
  report.version = view.snapshot().version();
  report.kind = format::VectorFileKindName(info.kind);
  report.rows = view.record_count();
  report.dimensions = info.dimensions;
  report.element = base::ElementTypeName(info.element);
  report.has_ids = info.has_ids;
  report.has_metadata = info.has_metadata;
  report.seconds = os::SecondsSince(begin_ns);
  return report;
}

}  // namespace

std::optional<format::Metric> ParseMetric(std::string_view name) {
  for (const auto metric : {format::Metric::kCosine, format::Metric::kDot,
                            format::Metric::kEuclidean, format::Metric::kHamming}) {
    if (MetricName(metric) == name) return metric;
  }
  return std::nullopt;
}

std::optional<format::VectorFileKind> ParseVectorFileKind(std::string_view name) {
  for (const auto kind : {format::VectorFileKind::kF32, format::VectorFileKind::kNpy,
                          format::VectorFileKind::kJsonLines, format::VectorFileKind::kArrow}) {
    if (format::VectorFileKindName(kind) == name) return kind;
  }
  return std::nullopt;
}

base::Result<ImportReport> ImportFiles(const ImportOptions& options, const TransferSink& progress) {
  if (options.files.empty()) return base::InvalidArgument("there is no file to import");
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  INTACT_ASSIGN_OR_RETURN(ImportReport report, ImportRun(options, progress).Run());
  report.seconds = os::SecondsSince(begin_ns);
  return report;
}

base::Result<ExportReport> ExportToSink(const ExportOptions& options,
                                        const format::VectorFileWriter::Sink& sink,
                                        const TransferSink& progress) {
  if (!options.kind) return base::InvalidArgument("the kind of file to write is not given");
  INTACT_ASSIGN_OR_RETURN(
      const auto view, CollectionView::Open(os::RealFileSystem(), options.store, options.version));
  return ExportView(*view, options, sink, progress);
}

namespace {

// Where to write: the file itself, or what it links to. Nothing but a regular file is replaced.
base::Result<std::string> OutputPath(const ExportOptions& options) {
  auto found = os::StatPath(options.file);
  if (!found.ok()) return options.file;
  if (!options.overwrite) {
    return base::InvalidArgument(options.file + " exists: name another file or say --force");
  }
  std::string path = options.file;
  if (found->kind == os::EntryKind::kLink) {
    INTACT_ASSIGN_OR_RETURN(path, os::CanonicalPath(options.file));
    found = os::StatPath(path);
    if (!found.ok()) return found.status();
  }
  if (found->kind == os::EntryKind::kFile) return path;
  const bool is_folder = found->kind == os::EntryKind::kDirectory;
  return base::InvalidArgument(options.file + (is_folder ? " is a folder" : " is no regular file") +
                               ": name a file, or - with --format for the standard output");
}

}  // namespace

base::Result<ExportReport> ExportFile(const ExportOptions& options, const TransferSink& progress) {
  ExportOptions known = options;
  if (!known.kind) known.kind = format::DetectVectorFile(options.file, {});
  if (!known.kind) {
    return base::InvalidArgument("the ending of " + options.file +
                                 " names no kind of file: end it in .npy, .f32, .jsonl or .arrow, "
                                 "or say --format");
  }
  INTACT_ASSIGN_OR_RETURN(const std::string out, OutputPath(options));
  INTACT_ASSIGN_OR_RETURN(
      const auto view, CollectionView::Open(os::RealFileSystem(), options.store, options.version));
  os::FileSystem& files = os::RealFileSystem();
  // Of this export alone: another one to the same file must not write into it.
  const std::string partial = out + std::string(kPartialEnding) + "-" +
                              std::to_string(os::ProcessId()) + "-" +
                              std::to_string(os::RealClock().monotonic_ns());
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> opened, files.OpenForWrite(partial));
  SequentialFile target(std::move(opened));
  auto report = ExportView(
      *view, known, [&](base::ByteSpan bytes) { return target.Append(bytes); }, progress);
  base::Status status = report.ok() ? target.Finish() : report.status();
  if (status.ok()) status = os::ShareFile(partial);
  if (status.ok()) status = files.Rename(partial, out);
  if (status.ok()) status = files.SyncDirectory(os::ParentPath(out));
  if (status.ok()) return report;
  static_cast<void>(files.Remove(partial).ok());
  return status;
}

base::Result<GetReport> GetRecords(const GetOptions& options,
                                   const format::VectorFileWriter::Sink& sink) {
  INTACT_ASSIGN_OR_RETURN(
      const auto view, CollectionView::Open(os::RealFileSystem(), options.store, options.version));
  GetReport report;
  report.version = view->snapshot().version();
  std::vector<store::RowId> rows;
  for (const std::string& id : options.ids) {
    INTACT_ASSIGN_OR_RETURN(const auto row, view->snapshot().Find(RecordKey(id)));
    if (row) {
      rows.push_back(*row);
    } else {
      report.missing.push_back(id);
    }
  }
  report.records = rows.size();
  format::VectorFileInfo info = InfoOf(*view, {.kind = format::VectorFileKind::kJsonLines});
  info.has_ids = true;
  info.row_count = rows.size();
  INTACT_ASSIGN_OR_RETURN(const auto writer, format::MakeVectorFileWriter(info, sink));
  INTACT_RETURN_IF_ERROR(ExportRows(*view, rows, info, *writer));
  return report;
}

base::Result<DeleteReport> DeleteRecords(const std::string& store, std::span<const std::string> ids,
                                         int64_t lock_wait_ms) {
  INTACT_ASSIGN_OR_RETURN(
      const std::unique_ptr<CollectionWriter> writer,
      CollectionWriter::OpenExisting(os::RealFileSystem(), store, lock_wait_ms));
  INTACT_RETURN_IF_ERROR(writer->Delete(ids));
  INTACT_RETURN_IF_ERROR(writer->Commit());
  DeleteReport report;
  report.version = writer->view().snapshot().version();
  report.deleted = writer->delete_counts().deleted;
  report.missing = writer->delete_counts().missing;
  report.records = writer->view().record_count();
  return report;
}

}  // namespace intact::engine
