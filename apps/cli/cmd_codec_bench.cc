// intact codec bench: sizes and speeds of every form of vectors, beside general codecs.
#include <algorithm>
#include <cmath>
#include <optional>

#include "apps/cli/codec.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/wrap.h"

namespace intact::cli {
namespace {

using base::Result;
using engine::CodecForm;
using engine::CodecReport;
using engine::Rate;
using engine::VectorSet;

// 99 columns in all.
constexpr size_t kNameWidth = 18;
constexpr size_t kBytesWidth = 12;
constexpr size_t kPercentWidth = 8;
constexpr size_t kBitsWidth = 11;
constexpr size_t kRateWidth = 16;
constexpr size_t kTextWidthMax = 98;

// "5.21 / 4.98" in `unit` bytes a second, "-" when it was not measured.
std::string RateText(const Rate& rate, double unit, int digits) {
  if (!std::isfinite(rate.best)) return "-";
  return FormatFixed(rate.best / unit, digits) + " / " + FormatFixed(rate.median / unit, digits);
}

void PrintForm(Output& out, const CodecReport& report, const CodecForm& form, bool has_size) {
  out.Write("  ");
  out.WriteName(form.name, kNameWidth);
  const auto raw = static_cast<double>(report.raw_bytes);
  std::string line;
  if (has_size) {
    line += AlignRight(FormatCount(form.bytes), kBytesWidth);
    line +=
        AlignRight(FormatFixed(PercentOf(static_cast<double>(form.bytes), raw), 2), kPercentWidth);
    line += AlignRight(FormatFixed(BitsPerValue(report, form.bytes), 2), kBitsWidth);
  } else {
    line.assign(kBytesWidth + kPercentWidth + kBitsWidth, ' ');
  }
  line += AlignRight(RateText(form.encode, 1e6, 0), kRateWidth);
  line += AlignRight(RateText(form.decode, 1e9, 2), kRateWidth);
  line += AlignRight(RateText(form.decode_rows, 1e9, 2), kRateWidth);
  out.WriteLine(line);
}

void PrintFloor(Output& out, const CodecReport& report, std::string_view name, double bits) {
  out.Write("  ");
  out.WriteName(name, kNameWidth);
  out.WriteLine(
      std::string(kBytesWidth, ' ') +
      AlignRight(FormatFixed(PercentOf(bits, GivenBitsPerValue(report)), 2), kPercentWidth) +
      AlignRight(FormatFixed(bits, 2), kBitsWidth));
}

void PrintMemory(Output& out, const CodecReport& report) {
  if (report.memory.forms.empty()) return;
  out.WriteLine("  blocks repeated until they take " +
                FormatCount(report.memory.encoded_bytes_min >> 20) +
                " MiB, more than most caches hold:");
  for (const CodecForm& form : report.memory.forms) PrintForm(out, report, form, false);
}

void PrintReport(Output& out, const CodecReport& report) {
  out.Write(Printable(report.name), Paint::kPath);
  out.WriteLine(": " + ShapeText(report));
  out.Write("  ");
  out.WriteName("", kNameWidth);
  out.Write(AlignRight("bytes", kBytesWidth) + AlignRight("%", kPercentWidth) +
                AlignRight("bits/value", kBitsWidth) + AlignRight("encode MB/s", kRateWidth) +
                AlignRight("decode GB/s", kRateWidth) + AlignRight("one row GB/s", kRateWidth),
            Paint::kFaint);
  out.Write("\n");
  PrintForm(out, report, report.compact, true);
  PrintForm(out, report, report.fast, true);
  if (report.code_rest) PrintForm(out, report, *report.code_rest, true);
  for (const CodecForm& peer : report.peers) PrintForm(out, report, peer, true);
  PrintFloor(out, report, "floor, as found", report.floor_bits);
  PrintFloor(out, report, "floor, as given", report.given_floor_bits);
  PrintMemory(out, report);
  const std::string text =
      KindsText(report) +
      (report.is_exact ? " Every byte came back in every form." : " NOT EVERY BYTE CAME BACK.");
  out.Write(Wrap(text, 2, kTextWidthMax));
}

void WriteRate(JsonWriter& json, std::string_view name, const Rate& rate) {
  json.Key(name).BeginObject().Field("best", rate.best).Field("median", rate.median).EndObject();
}

void WriteForm(JsonWriter& json, const CodecForm& form, std::optional<uint64_t> raw_bytes) {
  json.BeginObject().Field("name", form.name).Field("bytes", form.bytes);
  if (raw_bytes) {
    json.Field("percent",
               PercentOf(static_cast<double>(form.bytes), static_cast<double>(*raw_bytes)));
  }
  WriteRate(json, "encode_bytes_per_second", form.encode);
  WriteRate(json, "decode_bytes_per_second", form.decode);
  WriteRate(json, "row_decode_bytes_per_second", form.decode_rows);
  json.EndObject();
}

// The figures that scripts ask for first: of the best pass.
void WriteSpeeds(JsonWriter& json, const std::string& name, const CodecForm& form) {
  json.Field(name + "_encode_bytes_per_second", form.encode.best);
  json.Field(name + "_decode_bytes_per_second", form.decode.best);
  json.Field(name + "_row_decode_bytes_per_second", form.decode_rows.best);
}

void WriteReport(JsonWriter& json, const CodecReport& report) {
  json.BeginObject();
  WriteCodecFields(json, report);
  WriteSpeeds(json, "compact", report.compact);
  WriteSpeeds(json, "fast", report.fast);
  if (report.code_rest) WriteSpeeds(json, "code_rest", *report.code_rest);
  json.Key("forms").BeginArray();
  WriteForm(json, report.compact, report.raw_bytes);
  WriteForm(json, report.fast, report.raw_bytes);
  if (report.code_rest) WriteForm(json, *report.code_rest, report.raw_bytes);
  json.EndArray().Key("peers").BeginArray();
  for (const CodecForm& peer : report.peers) WriteForm(json, peer, report.raw_bytes);
  json.EndArray().Key("memory_sized").BeginObject();
  json.Field("encoded_bytes_min", report.memory.encoded_bytes_min);
  for (const CodecForm& form : report.memory.forms) {
    if (form.name != "raw copy") WriteSpeeds(json, form.name, form);
  }
  json.Key("forms").BeginArray();
  for (const CodecForm& form : report.memory.forms) WriteForm(json, form, std::nullopt);
  json.EndArray().EndObject();
  json.Field("seconds", report.seconds).EndObject();
}

// One set after the other, so that no more than one is in memory.
class BenchRun {
 public:
  BenchRun(Context& context, const Arguments& arguments)
      : context_(context),
        arguments_(arguments),
        has_json_(arguments.Has("json")),
        effort_(arguments.Has("quick") ? engine::CodecEffort::kQuick : engine::CodecEffort::kFull) {
    options_.dimensions = static_cast<uint32_t>(arguments.NumberOr("dimensions", 0));
    options_.rows_max = arguments.NumberOr("rows", 0);
  }

  int Run() {
    json_.Field("clock", "processor time of the thread").Key("files").BeginArray();
    const std::vector<std::string> rules = arguments_.Values("generate");
    for (const std::string& path : arguments_.positionals()) {
      Add(engine::ReadVectorSet(path, options_), kExitFailed);
    }
    for (const std::string& rule : rules) Add(engine::GenerateVectorSet(rule), kExitUsage);
    json_.EndArray();
    // What was measured is printed even when another file could not be read.
    if (has_json_ && count_ > 0) context_.out.Write(json_.Finish());
    return exit_code_;
  }

 private:
  void Add(const Result<VectorSet>& set, ExitCode invalid_argument) {
    if (!set.ok()) return Fail(set.status(), invalid_argument);
    const bool is_silent = has_json_ || arguments_.Has("quiet");
    Progress progress(context_.err, context_.clock,
                      is_silent ? ProgressStyle::kNone : ChooseProgressStyle(context_.err, false));
    const auto report =
        engine::BenchCodecs(*set, {.effort = effort_}, [&](size_t done, size_t total) {
          progress.Update(
              {.verb = "measuring", .noun = "step", .items_done = done, .items_total = total});
        });
    progress.Clear();
    if (!report.ok()) return Fail(report.status(), kExitFailed);
    if (has_json_) {
      WriteReport(json_, *report);
    } else {
      if (count_ > 0) context_.out.Write("\n");
      PrintReport(context_.out, *report);
      context_.out.Flush();
    }
    ++count_;
    exit_code_ = std::max(exit_code_, ExitCodeOf(context_, *report));
  }

  void Fail(const base::Status& status, ExitCode invalid_argument) {
    exit_code_ = std::max(exit_code_, ReportFailure(context_, status, invalid_argument));
  }

  Context& context_;
  const Arguments& arguments_;
  const bool has_json_;
  const engine::CodecEffort effort_;
  engine::VectorSetOptions options_;
  JsonWriter json_;
  size_t count_ = 0;
  int exit_code_ = kExitOk;
};

}  // namespace

int RunCodecBench(Context& context, const Arguments& arguments) {
  if (arguments.positionals().empty() && !arguments.Has("generate")) {
    return ReportUsage(context, arguments.command(), "missing FILE, or --generate RULE");
  }
  return BenchRun(context, arguments).Run();
}

}  // namespace intact::cli
