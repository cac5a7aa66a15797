// Goal: the order of results does not get worse. Method: a small tree of several languages with the
// function that answers each of its questions, beside callers, tests and look-alikes; how search
// does on real trees is measured by bench/retrieval.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "intact/engine/engine.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

struct Snippet {
  std::string_view path;
  std::string_view text;
  std::string_view question;  // That this snippet answers; may be empty.
};

constexpr Snippet kSnippets[] = {
    {"src/net/retry.cc",
     "int64_t RetryDelayMs(const Backoff& backoff, int attempt) {\n"
     "  int64_t wait = backoff.first_ms << attempt;\n"
     "  return std::min(wait, backoff.longest_ms) + Jitter(backoff);\n}\n",
     "where is the retry delay computed"},
    {"src/net/client.cc",
     "Reply Client::Send(const Request& request) {\n"
     "  for (int attempt = 0; attempt < options_.attempts; ++attempt) {\n"
     "    Reply reply = SendOnce(request);\n    if (reply.ok()) return reply;\n"
     "    clock_.Sleep(RetryDelayMs(options_.backoff, attempt));  // retry after a delay\n  }\n"
     "  return Reply::Failed();\n}\n",
     "send a request again until it succeeds"},
    {"tests/retry_test.cc",
     "TEST(Retry, DelayGrows) {\n  EXPECT_LT(RetryDelayMs(kBackoff, 1), RetryDelayMs(kBackoff, "
     "2));\n"
     "  // The retry delay is computed from the attempt.\n}\n",
     ""},
    {"src/cache/lru.py",
     "class LruCache:\n    def evict(self):\n        while self.used > self.limit:\n"
     "            key, entry = self.entries.popitem(last=False)\n            self.used -= "
     "entry.size\n",
     "evict the least recently used entry"},
    {"src/cache/warm.py",
     "def preload(cache, keys):\n    for key in keys:\n        cache.put(key, read_entry(key))\n",
     ""},
    {"src/list/skiplist.c",
     "node *slInsert(skiplist *sl, double score, sds element) {\n"
     "    node *update[LEVELS], *x = sl->header;\n    int level = randomLevel();\n"
     "    for (int i = sl->level - 1; i >= 0; i--) {\n        while (x->forward[i] && "
     "x->forward[i]->score < score)"
     " x = x->forward[i];\n        update[i] = x;\n    }\n    return link(sl, update, level);\n}\n",
     "insert an element into a skip list"},
    {"src/list/array.c",
     "void listInsert(list *l, int at, void *element) {\n    grow(l, 1);\n"
     "    memmove(l->items + at + 1, l->items + at, (l->count - at) * sizeof(void *));\n"
     "    l->items[at] = element;\n    l->count++;\n}\n",
     "insert an item at a position of an array"},
    {"src/text/glob.go",
     "func MatchGlob(pattern, name string) bool {\n\tfor len(pattern) > 0 {\n\t\tswitch pattern[0] "
     "{\n"
     "\t\tcase '*':\n\t\t\treturn matchStar(pattern[1:], name)\n\t\tcase '?':\n\t\t\tname = "
     "name[1:]\n\t\t}\n"
     "\t\tpattern = pattern[1:]\n\t}\n\treturn len(name) == 0\n}\n",
     "does a name match a wildcard pattern"},
    {"src/text/base64.rs",
     "pub fn decode_base64(text: &str) -> Result<Vec<u8>, DecodeError> {\n"
     "    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);\n"
     "    for group in text.as_bytes().chunks(4) {\n        bytes.extend(decode_group(group)?);\n  "
     "  }\n"
     "    Ok(bytes)\n}\n",
     "decode a base64 string"},
    {"src/text/encode.rs",
     "pub fn encode_hex(bytes: &[u8]) -> String {\n    bytes.iter().map(|b| format!(\"{:02x}\", "
     "b)).collect()\n}\n",
     "turn bytes into hexadecimal digits"},
    {"src/conf/ArgumentParser.java",
     "public Options parseArguments(String[] arguments) {\n    Options options = new Options();\n"
     "    for (String argument : arguments) {\n        if (argument.startsWith(\"--\")) "
     "options.set(flagOf(argument));\n"
     "        else options.addPositional(argument);\n    }\n    return options;\n}\n",
     "parse command line arguments"},
    {"src/store/journal.ts",
     "export async function replayJournal(file: FileHandle, state: State): Promise<number> {\n"
     "  let count = 0;\n  for await (const record of readRecords(file)) {\n"
     "    if (!checksumMatches(record)) break;\n    state.apply(record);\n    count += 1;\n  }\n  "
     "return count;\n}\n",
     "replay the journal after a crash"},
    {"src/store/Pool.kt",
     "class ConnectionPool(private val limit: Int) {\n  suspend fun borrowConnection(): Connection "
     "{\n"
     "    idle.removeLastOrNull()?.let { return it }\n    if (open < limit) return connect()\n"
     "    return waiting.receive()\n  }\n}\n",
     "take a connection out of the pool"},
    {"src/auth/token.js",
     "function verifyToken(token, secret) {\n  const [head, body, signature] = token.split('.');\n"
     "  const expected = hmac(secret, head + '.' + body);\n"
     "  if (!timingSafeEqual(expected, signature)) throw new AuthError('bad signature');\n  return "
     "JSON.parse(body);\n}\n",
     "check the signature of a login token"},
    {"vendor/lib/token.js",
     "function tokenize(text) {\n  // check each token of the text; sign and login tokens too\n"
     "  return text.split(/\\s+/);\n}\n",
     ""},
};

TEST(Retrieval, KnownAnswersStayAtTheTop) {
  const testing::TemporaryFolder folder;
  const std::string root = folder / "root";
  for (const Snippet& snippet : kSnippets) {
    const std::filesystem::path path = root + "/" + std::string(snippet.path);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << snippet.text;
  }
  auto place = Locate({.directory = root, .store = folder / "store"});
  ASSERT_TRUE(place.ok());
  ASSERT_TRUE(UpdateIndex(*place, {}).ok());
  place->exists = true;
  const auto searcher = Searcher::Open(*place);
  ASSERT_TRUE(searcher.ok()) << searcher.status().ToString();
  double sum = 0, count = 0;
  for (const Snippet& snippet : kSnippets) {
    if (snippet.question.empty()) continue;
    const auto response = (*searcher)->Search({.query = std::string(snippet.question)});
    ASSERT_TRUE(response.ok());
    size_t rank = 1;
    while (rank <= response->hits.size() && response->hits[rank - 1].path != snippet.path) ++rank;
    EXPECT_LE(rank, 3u) << snippet.question;
    sum += 1 / static_cast<double>(rank);
    ++count;
  }
  // All but one first; lower it only with figures of bench/retrieval that got better.
  EXPECT_GE(sum / count, (count - 0.5) / count);
}

}  // namespace
}  // namespace intact::engine
