// Uses the installed library as a stranger would: indexes a small folder through the public API and
// asks it a question.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "intact/engine/engine.h"

namespace {

intact::base::Status IndexAndSearch(const std::filesystem::path& work) {
  std::filesystem::create_directories(work / "src");
  std::ofstream(work / "src/retry.py")
      << "def retry_delay(attempt):\n"
         "    \"\"\"Seconds to wait before the next attempt, doubled each time.\"\"\"\n"
         "    return min(30, 2 ** attempt)\n";

  intact::engine::LocateOptions options;
  options.directory = (work / "src").string();
  options.store = (work / "store").string();
  INTACT_ASSIGN_OR_RETURN(intact::engine::Place place, intact::engine::Locate(options));
  INTACT_ASSIGN_OR_RETURN(const auto report, intact::engine::UpdateIndex(place, {}));
  INTACT_ASSIGN_OR_RETURN(place, intact::engine::Locate(options));
  INTACT_ASSIGN_OR_RETURN(const auto searcher, intact::engine::Searcher::Open(place));
  intact::engine::SearchRequest request;
  request.query = "how long to wait between attempts";
  INTACT_ASSIGN_OR_RETURN(const auto response, searcher->Search(request));
  if (report.files != 1 || response.hits.empty() || response.hits[0].path != "retry.py") {
    return intact::base::Corruption("the answer is not retry.py");
  }
  return intact::base::Ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: consumer WORK_FOLDER\n", stderr);
    return 2;
  }
  const intact::base::Status status = IndexAndSearch(argv[1]);
  std::printf("consumer: %s, version %s\n", status.ToString().c_str(),
              intact::engine::ReadBuildFacts().version.c_str());
  return status.ok() ? 0 : 1;
}
