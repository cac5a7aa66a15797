#include "intact/model/wordpiece.h"

#include <algorithm>

#include "intact/base/utf8.h"
#include "intact/model/json_fields.h"
#include "intact/model/unicode.h"

namespace intact::model {
namespace {

constexpr uint64_t kIdMax = INT32_MAX;
constexpr size_t kAddedTokensMax = 1000;
constexpr uint64_t kWordSizeMax = 10'000;

constexpr std::string_view kSupported =
    "; supported is WordPiece with BertNormalizer and BertPreTokenizer";

base::Status Unfit(const std::string& what) {
  return base::Unsupported("the tokeniser has " + what + std::string(kSupported));
}

// The field "type" of a JSON object; "" when it has none.
std::string TypeOf(std::string_view object) {
  std::string type;
  const base::Status status =
      ForEachField(object, [&](const std::string& name, std::string_view value) {
        if (name == "type") type = TextOf(value).value_or("");
        return base::Ok();
      });
  return status.ok() ? type : "";
}

bool IsBertSpace(char32_t character) {
  return character == '\t' || character == '\n' || character == '\r' || IsWhiteSpace(character);
}

bool IsBertPunctuation(char32_t character) {
  const bool is_ascii =
      (character >= 33 && character <= 47) || (character >= 58 && character <= 64) ||
      (character >= 91 && character <= 96) || (character >= 123 && character <= 126);
  return is_ascii || IsPunctuation(character);
}

bool IsChinese(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
         (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

size_t CharacterCount(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

base::Result<WordPiece> WordPiece::Parse(std::string_view json) {
  if (!base::IsJsonObject(json)) return base::Corruption("tokenizer.json is no JSON object");
  WordPiece tokeniser;
  std::string_view normaliser = "null", pre_tokeniser = "null", model = "null", added = "[]";
  INTACT_RETURN_IF_ERROR(ForEachField(json, [&](const std::string& name, std::string_view value) {
    if (name == "normalizer") normaliser = value;
    if (name == "pre_tokenizer") pre_tokeniser = value;
    if (name == "model") model = value;
    if (name == "added_tokens" && value != "null") added = value;
    return base::Ok();
  }));
  if (TypeOf(pre_tokeniser) != "BertPreTokenizer")
    return Unfit("the pre-tokeniser \"" + TypeOf(pre_tokeniser) + "\"");
  INTACT_RETURN_IF_ERROR(tokeniser.ReadNormaliser(normaliser));
  INTACT_RETURN_IF_ERROR(tokeniser.ReadModel(model));
  INTACT_RETURN_IF_ERROR(ForEachElement(
      added, [&](std::string_view value) { return tokeniser.ReadAddedToken(value); }));
  std::stable_sort(
      tokeniser.added_.begin(), tokeniser.added_.end(),
      [](const AddedToken& a, const AddedToken& b) { return a.text.size() > b.text.size(); });
  tokeniser.FindMedian();
  return tokeniser;
}

base::Status WordPiece::ReadNormaliser(std::string_view json) {
  if (json == "null") {
    normaliser_ = {false, false, false, false};
    return base::Ok();
  }
  if (TypeOf(json) != "BertNormalizer") return Unfit("the normaliser \"" + TypeOf(json) + "\"");
  std::optional<bool> strips_accents;  // As lowercase says, when null.
  INTACT_RETURN_IF_ERROR(ForEachField(json, [&](const std::string& name, std::string_view value) {
    if (name == "strip_accents") strips_accents = TruthOf(value);
    if (name == "clean_text") normaliser_.cleans = TruthOf(value).value_or(true);
    if (name == "handle_chinese_chars")
      normaliser_.separates_chinese = TruthOf(value).value_or(true);
    if (name == "lowercase") normaliser_.lowers = TruthOf(value).value_or(true);
    return base::Ok();
  }));
  normaliser_.strips_accents = strips_accents.value_or(normaliser_.lowers);
  return base::Ok();
}

base::Status WordPiece::ReadModel(std::string_view json) {
  if (TypeOf(json) != "WordPiece") return Unfit("a model of the kind \"" + TypeOf(json) + "\"");
  std::string unknown = "[UNK]";
  std::string_view vocabulary = "{}";
  INTACT_RETURN_IF_ERROR(
      ForEachField(json, [&](const std::string& name, std::string_view value) -> base::Status {
        if (name == "vocab") vocabulary = value;
        if (name == "unk_token") unknown = TextOf(value).value_or("");
        if (name == "continuing_subword_prefix") prefix_ = TextOf(value).value_or("");
        if (name == "max_input_chars_per_word") {
          word_size_max_ = CountOf(value).value_or(0);
          if (word_size_max_ == 0 || word_size_max_ > kWordSizeMax)
            return base::Corruption("max_input_chars_per_word is not 1 to 10,000");
        }
        return base::Ok();
      }));
  INTACT_RETURN_IF_ERROR(ReadVocabulary(vocabulary));
  const auto found = ids_.find(unknown);
  if (found == ids_.end()) return base::Corruption("the vocabulary lacks its unk_token " + unknown);
  unknown_id_ = found->second;
  return base::Ok();
}

base::Status WordPiece::ReadVocabulary(std::string_view json) {
  texts_ = std::make_unique<std::string>();
  texts_->reserve(json.size());  // Decoded names are never longer than they are written.
  size_t count = 0;
  INTACT_RETURN_IF_ERROR(
      ForEachField(json, [&](const std::string& name, std::string_view value) -> base::Status {
        const std::optional<uint64_t> id = CountOf(value);
        if (!id || *id > kIdMax)
          return base::Corruption("the token " + name + " has a number that is none");
        const size_t begin = texts_->size();
        texts_->append(name);
        ids_[std::string_view(*texts_).substr(begin)] = static_cast<uint32_t>(*id);
        id_bound_ = std::max(id_bound_, *id + 1);
        piece_size_max_ = std::max(piece_size_max_, name.size());
        ++count;
        return base::Ok();
      }));
  return count > 0 ? base::Ok() : base::Corruption("the vocabulary has no tokens");
}

base::Status WordPiece::ReadAddedToken(std::string_view json) {
  AddedToken token;
  std::string text;
  std::optional<uint64_t> id;
  bool is_plain = true;
  INTACT_RETURN_IF_ERROR(ForEachField(json, [&](const std::string& name, std::string_view value) {
    if (name == "content") text = TextOf(value).value_or("");
    if (name == "id") id = CountOf(value);
    const bool is_option =
        name == "single_word" || name == "lstrip" || name == "rstrip" || name == "normalized";
    if (is_option && TruthOf(value).value_or(false)) is_plain = false;
    return base::Ok();
  }));
  if (text.empty() || !id || *id > kIdMax)
    return base::Corruption("an added token lacks its content or its id");
  if (added_.size() == kAddedTokensMax) return Unfit("over 1,000 added tokens");
  if (!is_plain) return Unfit("the added token " + text + " with options");
  token.text = CharactersOf(text);
  token.id = static_cast<uint32_t>(*id);
  id_bound_ = std::max(id_bound_, *id + 1);
  added_.push_back(std::move(token));
  return base::Ok();
}

void WordPiece::FindMedian() {
  std::vector<uint32_t> sizes;
  for (const auto& [text, id] : ids_) sizes.push_back(static_cast<uint32_t>(CharacterCount(text)));
  for (const AddedToken& token : added_) {
    std::string text;
    for (const char32_t character : token.text) base::AppendUtf8(character, text);
    if (!ids_.contains(text)) sizes.push_back(static_cast<uint32_t>(token.text.size()));
  }
  std::sort(sizes.begin(), sizes.end());
  median_token_size_ = (sizes[(sizes.size() - 1) / 2] + sizes[sizes.size() / 2]) / 2;
}

std::u32string WordPiece::Normalise(std::u32string_view text) const {
  std::u32string now(text), next;
  const auto pass = [&](bool is_wanted, const auto& append) {
    if (!is_wanted) return;
    next.clear();
    for (const char32_t character : now) append(character);
    now.swap(next);
  };
  pass(normaliser_.cleans, [&](char32_t c) {
    const bool is_space = c == '\t' || c == '\n' || c == '\r';
    if (c == 0 || c == base::kReplacementCharacter || (!is_space && IsOther(c))) return;
    next += IsBertSpace(c) ? U' ' : c;
  });
  pass(normaliser_.separates_chinese, [&](char32_t c) {
    if (IsChinese(c)) {
      next += {U' ', c, U' '};
    } else {
      next += c;
    }
  });
  pass(normaliser_.strips_accents, [&](char32_t c) { AppendWithoutAccents(c, next); });
  pass(normaliser_.lowers, [&](char32_t c) { AppendLower(c, next); });
  return now;
}

void WordPiece::TokeniseWord(std::u32string_view word, std::vector<uint32_t>& ids) const {
  if (word.size() > word_size_max_) {
    ids.push_back(unknown_id_);
    return;
  }
  // Where each character of the word begins in `bytes`, which has the prefix before it.
  std::string bytes = prefix_;
  std::vector<size_t> begins;
  for (const char32_t character : word) {
    begins.push_back(bytes.size());
    base::AppendUtf8(character, bytes);
  }
  begins.push_back(bytes.size());
  const size_t count_before = ids.size();
  std::string piece;
  for (size_t begin = 0; begin < word.size();) {
    size_t end = word.size();
    for (; end > begin; --end) {
      const size_t size = begins[end] - begins[begin];
      if (size > piece_size_max_) continue;
      piece.assign(begin > 0 ? prefix_ : "").append(bytes, begins[begin], size);
      if (const auto found = ids_.find(piece); found != ids_.end()) {
        ids.push_back(found->second);
        break;
      }
    }
    if (end == begin) {  // One piece is missing: the whole word is unknown.
      ids.resize(count_before);
      ids.push_back(unknown_id_);
      return;
    }
    begin = end;
  }
}

void WordPiece::TokeniseRun(std::u32string_view text, std::vector<uint32_t>& ids) const {
  const std::u32string normal = Normalise(text);
  const std::u32string_view all = normal;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (end > begin) TokeniseWord(all.substr(begin, end - begin), ids);
    begin = end;
  };
  for (size_t at = 0; at < all.size(); ++at) {
    if (IsWhiteSpace(all[at])) {
      end_word(at);
      begin = at + 1;
    } else if (IsBertPunctuation(all[at])) {
      end_word(at);
      end_word(at + 1);
    }
  }
  end_word(all.size());
}

const WordPiece::AddedToken* WordPiece::AddedTokenAt(std::u32string_view text) const {
  for (const AddedToken& token : added_) {
    if (text.starts_with(token.text)) return &token;
  }
  return nullptr;
}

std::vector<uint32_t> WordPiece::Tokenise(std::string_view text, size_t character_count_max,
                                          size_t token_count_max) const {
  std::u32string characters = CharactersOf(text);
  if (characters.size() > character_count_max) characters.resize(character_count_max);
  const std::u32string_view all = characters;
  std::vector<uint32_t> ids;
  size_t begin = 0;
  for (size_t at = 0; at < all.size() && ids.size() < token_count_max;) {
    const AddedToken* added = AddedTokenAt(all.substr(at));
    if (added == nullptr) {
      ++at;
      continue;
    }
    TokeniseRun(all.substr(begin, at - begin), ids);
    ids.push_back(added->id);
    at += added->text.size();
    begin = at;
  }
  TokeniseRun(all.substr(begin), ids);
  if (ids.size() > token_count_max) ids.resize(token_count_max);
  return ids;
}

}  // namespace intact::model
