// Versions in words, for the commands about them.
#pragma once

#include <string>

#include "intact/engine/engine.h"

namespace intact::cli {

// "3 files, 10 chunks", "12 records", "nothing".
std::string DescribeContent(const engine::VersionReport& version);
// "the last 8 versions and those of the last 7 days".
std::string DescribeRetention(const engine::RetentionRule& rule);

// "version 12", or "version 12 (good)" when it was asked for by its tag.
std::string VersionName(uint64_t version, const std::string& asked);

}  // namespace intact::cli
