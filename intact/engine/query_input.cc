#include "intact/engine/query_input.h"

#include "intact/base/json_text.h"
#include "intact/engine/elements.h"
#include "intact/engine/vector_input.h"

namespace intact::engine {
namespace {

constexpr size_t kReadRows = 1024;

base::Result<QueryVectors> Read(const VectorInput& input, const std::string& name) {
  const format::VectorFileInfo& info = input.reader->info();
  QueryVectors queries;
  queries.dimensions = info.dimensions;
  format::VectorRows rows;
  std::vector<float> wide;
  for (;;) {
    const base::Status status = input.reader->Next(kReadRows, rows);
    INTACT_RETURN_IF_ERROR(CheckUnchanged(input));
    if (!status.ok()) return AsInputError(status);
    if (rows.count == 0) break;
    const size_t count = queries.count();
    if (count + rows.count > kQueriesMax) {
      return base::InvalidArgument(name + " has more than " + std::to_string(kQueriesMax) +
                                   " rows: ask in several parts");
    }
    INTACT_RETURN_IF_ERROR(
        WidenRows(info.element, rows.elements, info.dimensions, count, wide).Annotate(name));
    queries.vectors.insert(queries.vectors.end(), wide.begin(), wide.end());
    queries.ids.insert(queries.ids.end(), rows.ids.begin(), rows.ids.end());
  }
  if (queries.count() == 0) return base::InvalidArgument(name + " has no rows: nothing is asked");
  return queries;
}

}  // namespace

base::Result<QueryVectors> ParseQueryVector(const std::string& text) {
  base::JsonScanner scanner(text);
  std::string_view array;
  if (scanner.Peek() != '[' || !scanner.TakeValue(array) || !scanner.AtEnd()) {
    return base::InvalidArgument("a query vector is a JSON array of numbers: [0.25, -1, 3e-2]");
  }
  std::string line(array);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';  // Blanks between numbers, and it is one line.
  }
  line = "{\"vector\":" + line + "}\n";
  auto queries = ReadQueryLines(line);
  if (queries.ok()) return queries;
  return base::Status(queries.code(), "the query vector: " + queries.status().message());
}

base::Result<QueryVectors> ReadQueryFile(const std::string& path, uint32_t dimensions) {
  INTACT_ASSIGN_OR_RETURN(const VectorInput input, OpenVectorInput(path, dimensions));
  return Read(input, path);
}

base::Result<QueryVectors> ReadQueryLines(const std::string& lines) {
  INTACT_ASSIGN_OR_RETURN(const VectorInput input,
                          OpenVectorBytes("input.jsonl", base::AsBytes(lines), 0));
  return Read(input, "the input");
}

}  // namespace intact::engine
