// intact codec explain: what the vectors of a file are made of, in words.
#include <algorithm>
#include <array>
#include <charconv>

#include "apps/cli/codec.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/wrap.h"

namespace intact::cli {
namespace {

using engine::CodecForm;
using engine::CodecReport;
using engine::CodecRow;

constexpr size_t kTextWidthMax = 98;
// zstd 19 sees all of it, at a few MB/s.
constexpr uint64_t kBytesMax = uint64_t{32} << 20;

// The shortest text that reads back as the same number.
std::string ShortestText(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return std::string(text.data(), end.ptr);
}

void PrintLine(Output& out, std::string_view name, const std::string& value) {
  constexpr size_t kNameWidth = 20;
  out.Write("  ");
  out.WriteName(name, kNameWidth);
  out.WriteLine(value);
}

std::string BitsText(double bits, double given_bits) {
  return FormatFixed(bits, 2) + " bits a value, " + FormatFixed(PercentOf(bits, given_bits), 1) +
         " %";
}

void PrintRow(Output& out, const CodecReport& report, const CodecRow& row) {
  const auto size = [&](uint64_t bytes) {
    const double given = GivenBitsPerValue(report) * report.dimensions / 8;
    return FormatCount(bytes) + " bytes, " +
           FormatFixed(PercentOf(static_cast<double>(bytes), given), 1) + " %";
  };
  out.WriteLine("Row " + std::to_string(row.row) + ": " + row.meaning + ".");
  PrintLine(out, "kind", row.kind);
  if (row.scale) PrintLine(out, "its number", ShortestText(*row.scale));
  if (row.token_count != 0) PrintLine(out, "T", std::to_string(row.token_count));
  PrintLine(out, "compact", size(row.compact_bytes) + " (" + row.compact_form + ")");
  PrintLine(out, "fast", size(row.fast_bytes) + " (" + row.fast_form + ")");
  PrintLine(out, "code + rest", size(row.code_rest_bytes));
}

void PrintReport(Output& out, const CodecReport& report) {
  const double given = GivenBitsPerValue(report);
  out.Write(Printable(report.name), Paint::kPath);
  out.WriteLine(": " + ShapeText(report));
  out.Write(Wrap(KindsText(report), 0, kTextWidthMax));
  if (report.rows == 0) return;
  const auto line = [&](std::string_view name, double bits) {
    PrintLine(out, name, BitsText(bits, given));
  };
  line("as given", given);
  line("compact form", BitsPerValue(report, report.compact.bytes));
  line("fast form", BitsPerValue(report, report.fast.bytes));
  if (report.code_rest) line("code + rest", BitsPerValue(report, report.code_rest->bytes));
  line("floor, as found", report.floor_bits);
  line("floor, as given", report.given_floor_bits);
  for (const CodecForm& peer : report.peers) line(peer.name, BitsPerValue(report, peer.bytes));
  const std::string end =
      "The floors are what the frequencies of signs and exponents ask for: of the numbers that "
      "were "
      "found, and of those that the file holds. ";
  out.Write(Wrap(
      end + (report.is_exact ? "Every byte came back in every form." : "NOT EVERY BYTE CAME BACK."),
      0, kTextWidthMax));
}

std::string AsJson(const CodecReport& report, const CodecRow* row) {
  JsonWriter json;
  WriteCodecFields(json, report);
  json.Field("text", KindsText(report));
  json.Key("general_codecs").BeginArray();
  for (const CodecForm& peer : report.peers) {
    json.BeginObject().Field("name", peer.name).Field("bytes", peer.bytes);
    json.Field("percent",
               PercentOf(static_cast<double>(peer.bytes), static_cast<double>(report.raw_bytes)));
    json.EndObject();
  }
  json.EndArray();
  if (row == nullptr) return json.Finish();
  json.Key("row").BeginObject().Field("row", row->row);
  json.Field("kind", row->kind).Field("meaning", row->meaning);
  if (row->scale) json.Field("scale", *row->scale);
  if (row->token_count != 0) json.Field("token_count", row->token_count);
  json.Field("compact_form", row->compact_form).Field("fast_form", row->fast_form);
  json.Field("compact_bytes", row->compact_bytes).Field("fast_bytes", row->fast_bytes);
  json.Field("code_rest_bytes", row->code_rest_bytes).EndObject();
  return json.Finish();
}

}  // namespace

int RunCodecExplain(Context& context, const Arguments& arguments) {
  const std::string path = arguments.positionals()[0];
  engine::VectorSetOptions options{.bytes_max = kBytesMax};
  options.dimensions = static_cast<uint32_t>(arguments.NumberOr("dimensions", 0));
  options.rows_max = arguments.NumberOr("rows", 0);
  const uint64_t wanted_row = arguments.NumberOr("row", 0);
  if (arguments.Has("row")) options.rows_min = wanted_row + 1;
  const auto set = engine::ReadVectorSet(path, options);
  if (!set.ok()) return ReportFailure(context, set.status(), kExitFailed);
  std::optional<CodecRow> row;
  if (arguments.Has("row")) {
    const auto found = engine::ExplainRow(*set, wanted_row);
    if (!found.ok()) return ReportFailure(context, found.status(), kExitUsage);
    row = *found;
  }
  const auto report = engine::BenchCodecs(*set, {.effort = engine::CodecEffort::kSizes});
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(AsJson(*report, row ? &*row : nullptr));
  } else {
    PrintReport(context.out, *report);
    if (row) PrintRow(context.out, *report, *row);
  }
  return ExitCodeOf(context, *report);
}

}  // namespace intact::cli
