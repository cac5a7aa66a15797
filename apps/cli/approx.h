// What commands say of inverted lists and of answers by them.
#pragma once

#include <string>

#include "apps/cli/command.h"
#include "apps/cli/json.h"
#include "intact/engine/approx.h"

namespace intact::cli {

// "95 % of 100,000 rows in 632 lists; 8 probes find 0.996 of the 10 best".
std::string DescribeApprox(const engine::ApproxStatus& status);
// The field "approximate": an object, or null when there are no lists.
void WriteApproxStatus(JsonWriter& json, const engine::ApproxStatus& status);

// "" when --probes is there only with --approximate.
std::string FindApproxMistake(const Arguments& arguments);
// The fields "is_approximate", "probes" and "problems".
void WriteApproxAnswer(JsonWriter& json, const engine::ApproxAnswer& answer);
// On the error stream: that results are approximate, or why they are not.
void PrintApproxAnswer(Context& context, const engine::ApproxAnswer& answer);

}  // namespace intact::cli
