// What the two `codec` commands share: their rows in tables and in JSON.
#pragma once

#include <string>
#include <string_view>

#include "apps/cli/command.h"
#include "intact/engine/codec_report.h"

namespace intact::cli {

// "207 rows of 1,536 dimensions, float32, 1.3 MB".
std::string ShapeText(const engine::CodecReport& report);
// What the rows are, in words: "All 207 rows: ...", one sentence for each kind.
std::string KindsText(const engine::CodecReport& report);

// No number when there is nothing to compare with.
double PercentOf(double part, double whole);
// Of one value of the set, when all take `bytes`.
double BitsPerValue(const engine::CodecReport& report, uint64_t bytes);
// 32 for float32.
double GivenBitsPerValue(const engine::CodecReport& report);

// Fields that both commands have, in the object that is open.
void WriteCodecFields(JsonWriter& json, const engine::CodecReport& report);

// 0, or 4 with an error when something did not come back exactly.
int ExitCodeOf(Context& context, const engine::CodecReport& report);

}  // namespace intact::cli
