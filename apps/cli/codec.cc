#include "apps/cli/codec.h"

#include <algorithm>
#include <limits>

#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {

using engine::CodecKind;
using engine::CodecReport;

std::string ShapeText(const CodecReport& report) {
  std::string text = FormatCount(report.rows, "row");
  if (!report.is_whole) text = "the first " + text;
  return text + " of " + FormatCount(report.dimensions, "dimension") + ", " + report.element +
         ", " + FormatBytes(report.raw_bytes);
}

std::string KindsText(const CodecReport& report) {
  if (report.rows == 0) return "There are no rows.";
  // Alike in what they are, whatever form they took.
  std::vector<CodecKind> kinds;
  for (const CodecKind& kind : report.kinds) {
    const auto same = std::find_if(kinds.begin(), kinds.end(), [&](const CodecKind& known) {
      return known.meaning == kind.meaning;
    });
    if (same == kinds.end()) {
      kinds.push_back(kind);
    } else {
      same->rows += kind.rows;
    }
  }
  if (kinds.size() == 1) {
    const std::string count = FormatCount(report.rows, "row");
    return (report.rows == 1 ? "The " + count : "All " + count) + ": " + kinds[0].meaning + ".";
  }
  std::string text;
  for (const CodecKind& kind : kinds) {
    if (!text.empty()) text += " ";
    text += FormatCount(kind.rows) + " of " + FormatCount(report.rows, "row") + ": " +
            kind.meaning + ".";
  }
  return text;
}

double PercentOf(double part, double whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN() : 100 * part / whole;
}

double GivenBitsPerValue(const CodecReport& report) {
  const double values = static_cast<double>(report.rows) * report.dimensions;
  return values == 0 ? std::numeric_limits<double>::quiet_NaN()
                     : 8 * static_cast<double>(report.raw_bytes) / values;
}

double BitsPerValue(const CodecReport& report, uint64_t bytes) {
  const double values = static_cast<double>(report.rows) * report.dimensions;
  return values == 0 ? std::numeric_limits<double>::quiet_NaN()
                     : 8 * static_cast<double>(bytes) / values;
}

void WriteCodecFields(JsonWriter& json, const CodecReport& report) {
  const auto raw = static_cast<double>(report.raw_bytes);
  const double given_bits = GivenBitsPerValue(report);
  json.PathField("file", report.name).Field("is_generated", report.is_generated);
  json.Field("rows", report.rows).Field("dimensions", report.dimensions);
  json.Field("element_type", report.element).Field("is_whole", report.is_whole);
  json.Field("raw_bytes", report.raw_bytes);
  json.Field("compact_bytes", report.compact.bytes).Field("fast_bytes", report.fast.bytes);
  json.Field("compact_percent", PercentOf(static_cast<double>(report.compact.bytes), raw));
  json.Field("fast_percent", PercentOf(static_cast<double>(report.fast.bytes), raw));
  if (report.code_rest) {
    json.Field("code_rest_bytes", report.code_rest->bytes);
    json.Field("code_rest_percent", PercentOf(static_cast<double>(report.code_rest->bytes), raw));
  }
  json.Field("exact", report.is_exact).Field("block_rows", report.block_rows);
  json.Field("bits_per_value", BitsPerValue(report, report.compact.bytes));
  json.Field("floor_bits_per_value", report.floor_bits);
  json.Field("floor_percent", PercentOf(report.floor_bits, given_bits));
  json.Field("given_floor_bits_per_value", report.given_floor_bits);
  json.Field("given_floor_percent", PercentOf(report.given_floor_bits, given_bits));
  json.Key("kinds").BeginArray();
  for (const CodecKind& kind : report.kinds) {
    json.BeginObject().Field("kind", kind.kind).Field("meaning", kind.meaning);
    json.Field("compact_form", kind.compact_form).Field("fast_form", kind.fast_form);
    json.Field("rows", kind.rows).EndObject();
  }
  json.EndArray();
}

int ExitCodeOf(Context& context, const CodecReport& report) {
  if (report.is_exact) return kExitOk;
  PrintError(context, "vectors of " + report.name + " did not come back bit for bit");
  return kExitFailed;
}

}  // namespace intact::cli
