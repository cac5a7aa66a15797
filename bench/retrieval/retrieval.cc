// Question: at which rank do the lines that answer a question come?
//
// Data: a tree of source files, and a file of questions, one a line: the question, a tab, then its
// answers with spaces between: PATH:FIRST-LAST,FIRST-LAST. Method: the tree is indexed by the
// engine and each question asked of it in several ways; an answer is found by the first result of
// its file that has one of its lines. Output, one line a question and way: the way, a tab, the
// question's number from 0, a tab, and its answers' ranks from 1 (0: not among the first 100),
// commas between.
//
// The ways: `words`, as with grep: chunks by how many of the question's words of four letters and
// more they hold anywhere, whatever the case, ties by path and line; `text`, `vector`, `hybrid`
// (the two scores' sum without any other signal) and `ranked` (what a user gets), all of the
// product.
//
//     retrieval TREE STORE QUESTIONS [--model PATH] [--weights NAME=W,NAME=W] [--signals FILE]
//
// --model embeds with another model than the default one. --weights replaces weights of `ranked`.
// --signals writes, for tuning, each question's first candidates with their signals' values and
// which answer they hold.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "intact/engine/chunk_filter.h"
#include "intact/engine/engine.h"
#include "intact/engine/index_view.h"
#include "intact/os/os.h"
#include "intact/search/ranking.h"

namespace {

using intact::base::Result;
namespace base = intact::base;
namespace engine = intact::engine;

constexpr size_t kRankMax = 100;
constexpr size_t kSignalsRankMax = 200;

struct Lines {
  uint32_t first = 0;
  uint32_t last = 0;
};

struct Answer {
  std::string path;
  std::vector<Lines> lines;
};

struct Question {
  std::string text;
  std::vector<Answer> answers;
};

struct Found {
  std::string path;
  Lines lines;
};

[[noreturn]] void Stop(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

template <typename T>
T Need(Result<T> result) {
  if (!result.ok()) Stop(result.status().message());
  return std::move(result).value();
}

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Answer ParseAnswer(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) Stop("not PATH:FIRST-LAST: " + text);
  Answer answer{.path = text.substr(0, colon)};
  for (const std::string& run : Split(text.substr(colon + 1), ',')) {
    Lines lines;
    if (std::sscanf(run.c_str(), "%u-%u", &lines.first, &lines.last) != 2) {
      Stop("not FIRST-LAST: " + run);
    }
    answer.lines.push_back(lines);
  }
  return answer;
}

std::vector<Question> ReadQuestions(const std::string& path) {
  std::ifstream file(path);
  if (!file) Stop("cannot read " + path);
  std::vector<Question> questions;
  for (std::string line; std::getline(file, line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) Stop("a line without a tab in " + path);
    Question& question = questions.emplace_back(Question{.text = line.substr(0, tab)});
    for (const std::string& answer : Split(line.substr(tab + 1), ' ')) {
      question.answers.push_back(ParseAnswer(answer));
    }
  }
  return questions;
}

bool Holds(const Found& found, const Answer& answer) {
  return found.path == answer.path &&
         std::any_of(answer.lines.begin(), answer.lines.end(), [&](const Lines& lines) {
           return lines.first <= found.lines.last && found.lines.first <= lines.last;
         });
}

std::string RanksOf(const Question& question, const std::vector<Found>& found) {
  std::string ranks;
  for (const Answer& answer : question.answers) {
    size_t rank = 0;
    for (size_t i = 0; i < found.size() && rank == 0; ++i)
      rank = Holds(found[i], answer) ? i + 1 : 0;
    ranks += (ranks.empty() ? "" : ",") + std::to_string(rank);
  }
  return ranks;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<signed char>(c) < 0;
}

// The words of `text`, in lower case, each once.
std::vector<std::string> WordsOf(std::string_view text, size_t size_min) {
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? Lower(text[i]) : ' ';
    if (IsWordByte(c)) {
      word += c;
    } else {
      if (word.size() >= size_min) words.push_back(word);
      word.clear();
    }
  }
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

// The baseline: which chunks hold which words.
class WordMatch {
 public:
  explicit WordMatch(const engine::Place& place) {
    const auto view = Need(engine::IndexView::Open(place.store));
    struct Placed {
      Found found;
      std::string text;
    };
    std::vector<Placed> placed;
    view->ForEachLiveFile([&](size_t s, uint32_t, const intact::format::FileEntry& file) {
      if (file.chunk_count == 0) return;
      std::string text = ReadText(intact::os::JoinPath(place.root, file.path));
      for (uint32_t c = file.first_chunk; c < file.first_chunk + file.chunk_count; ++c) {
        const auto chunk = view->segments()[s].catalog.chunk(c);
        if (chunk.end > text.size()) continue;
        placed.push_back({{std::string(file.path), {chunk.first_line, chunk.last_line}},
                          text.substr(chunk.begin, chunk.end - chunk.begin)});
      }
    });
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
      return a.found.path != b.found.path ? a.found.path < b.found.path
                                          : a.found.lines.first < b.found.lines.first;
    });
    for (const Placed& chunk : placed) {
      for (std::string& word : WordsOf(chunk.text, 1)) {
        chunks_by_word_[std::move(word)].push_back(static_cast<uint32_t>(chunks_.size()));
      }
      chunks_.push_back(chunk.found);
    }
  }

  std::vector<Found> Search(const std::string& question) {
    std::vector<uint32_t> counts(chunks_.size());
    for (const std::string& word : WordsOf(question, 4)) {
      for (const uint32_t chunk : ChunksWith(word)) ++counts[chunk];
    }
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return counts[a] > counts[b]; });
    std::vector<Found> found;
    for (size_t i = 0; i < std::min(kRankMax, order.size()); ++i)
      found.push_back(chunks_[order[i]]);
    return found;
  }

 private:
  static std::string ReadText(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // The chunks that hold `word` in any of their words, once each.
  const std::vector<uint32_t>& ChunksWith(const std::string& word) {
    const auto [entry, is_new] = chunks_with_.try_emplace(word);
    if (!is_new) return entry->second;
    std::vector<bool> has(chunks_.size());
    for (const auto& [held, chunks] : chunks_by_word_) {
      if (held.find(word) == std::string::npos) continue;
      for (const uint32_t chunk : chunks) has[chunk] = true;
    }
    for (uint32_t i = 0; i < has.size(); ++i) {
      if (has[i]) entry->second.push_back(i);
    }
    return entry->second;
  }

  std::vector<Found> chunks_;
  std::unordered_map<std::string, std::vector<uint32_t>> chunks_by_word_;
  std::unordered_map<std::string, std::vector<uint32_t>> chunks_with_;  // By word of a question.
};

struct Way {
  std::string name;
  engine::SearchMode mode = engine::SearchMode::kHybrid;
  std::vector<engine::SignalWeight> weights;
};

std::vector<Way> Ways(const std::vector<engine::SignalWeight>& weights) {
  Way hybrid{.name = "hybrid"};
  for (const auto& signal : intact::search::Signals()) {
    const bool is_kept = signal.id == intact::search::SignalId::kVector ||
                         signal.id == intact::search::SignalId::kText;
    if (!is_kept) hybrid.weights.push_back({std::string(signal.name), 0});
  }
  hybrid.weights.push_back({"vector", 1});
  hybrid.weights.push_back({"text", 0.5});
  return {{.name = "text", .mode = engine::SearchMode::kText},
          {.name = "vector", .mode = engine::SearchMode::kVector},
          hybrid,
          {.name = "ranked", .weights = weights}};
}

std::vector<Found> FoundIn(const engine::SearchResponse& response) {
  std::vector<Found> found;
  for (const engine::SearchHit& hit : response.hits) {
    found.push_back({hit.path, {hit.first_line, hit.last_line}});
  }
  return found;
}

// One line a candidate: question, answer from 1 (0: none), file number, values.
void WriteSignals(const engine::Searcher& searcher, const std::vector<Question>& questions,
                  const std::string& path) {
  std::ofstream out(path);
  for (size_t q = 0; q < questions.size(); ++q) {
    const auto response = Need(
        searcher.Search({.query = questions[q].text, .k = kSignalsRankMax, .explain_score = true}));
    std::map<std::string, size_t> files;
    for (const engine::SearchHit& hit : response.hits) {
      size_t answer = 0;
      for (size_t a = 0; a < questions[q].answers.size() && answer == 0; ++a) {
        const Found found{hit.path, {hit.first_line, hit.last_line}};
        answer = Holds(found, questions[q].answers[a]) ? a + 1 : 0;
      }
      out << q << '\t' << questions[q].answers.size() << '\t' << answer << '\t'
          << files.emplace(hit.path, files.size()).first->second;
      for (const engine::Signal& signal : hit.signals) out << '\t' << signal.value;
      out << '\n';
    }
  }
}

std::vector<engine::SignalWeight> ParseWeights(const std::string& text) {
  std::vector<engine::SignalWeight> weights;
  for (const std::string& part : Split(text, ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) Stop("not NAME=WEIGHT: " + part);
    weights.push_back({part.substr(0, equals), std::strtod(part.c_str() + equals + 1, nullptr)});
  }
  return weights;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("--") && i + 1 < argc) {
      options[argument] = argv[++i];
    } else {
      names.push_back(argument);
    }
  }
  if (names.size() != 3)
    Stop(
        "usage: retrieval TREE STORE QUESTIONS [--model PATH] [--weights NAME=W,...] [--signals "
        "FILE]");
  const std::vector<Question> questions = ReadQuestions(names[2]);
  engine::Place place =
      Need(engine::Locate({.directory = names[0], .store = names[1], .model = options["--model"]}));
  const engine::IndexReport report = Need(engine::UpdateIndex(place, {}));
  std::fprintf(stderr, "%s: %llu files, %llu chunks\n", names[0].c_str(),
               static_cast<unsigned long long>(report.files),
               static_cast<unsigned long long>(report.chunks));
  place.exists = true;
  const auto searcher = Need(engine::Searcher::Open(place));
  if (options.contains("--signals")) {
    WriteSignals(*searcher, questions, options["--signals"]);
    return 0;
  }
  WordMatch words(place);
  const std::vector<Way> ways =
      Ways(options.contains("--weights") ? ParseWeights(options["--weights"])
                                         : std::vector<engine::SignalWeight>());
  for (size_t q = 0; q < questions.size(); ++q) {
    std::printf("words\t%zu\t%s\n", q,
                RanksOf(questions[q], words.Search(questions[q].text)).c_str());
    for (const Way& way : ways) {
      const auto response = Need(searcher->Search(
          {.query = questions[q].text, .k = kRankMax, .mode = way.mode, .weights = way.weights}));
      std::printf("%s\t%zu\t%s\n", way.name.c_str(), q,
                  RanksOf(questions[q], FoundIn(response)).c_str());
    }
  }
  return 0;
}
