#include "intact/source/chunk_syntax.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "intact/os/clock.h"
#include "intact/source/chunk.h"
#include "intact/source/chunk_names.h"

namespace intact::source {
namespace {

// Types up to this weight stay in one piece when no member is large enough to stand alone.
constexpr uint32_t kWholeTypeMax = kChunkSizeTarget;
constexpr uint32_t kDecentMember = 300;
// Nesting beyond this is not looked into.
constexpr int kDepthMax = 100;

struct TreeDeleter {
  void operator()(TSTree* tree) const { ts_tree_delete(tree); }
};
using Tree = std::unique_ptr<TSTree, TreeDeleter>;

// Hands the parser its text, and ends it when it takes too long. The runtime asks once in a hundred
// operations. Steps are counted first, so that the same text always gives the same chunks; but what
// one step costs grows with the text when that has nothing to do with its grammar (the runtime then
// compares many readings of all that came before), and for such text there is a limit of processor
// time, some twenty times what ordinary text takes on a slow machine.
class ParseInput {
 public:
  explicit ParseInput(std::string_view text)
      : text_(text),
        steps_left_(500 + static_cast<int64_t>(text.size() / 32)),
        lost_steps_left_(32 + static_cast<int64_t>(text.size() / 16384)),
        end_ns_(os::ThreadProcessorTimeNs() + 500'000'000 +
                static_cast<int64_t>(text.size()) * 4000) {}

  static const char* Read(void* payload, uint32_t byte, TSPoint, uint32_t* size) {
    const std::string_view text = static_cast<ParseInput*>(payload)->text_;
    *size = byte < text.size() ? static_cast<uint32_t>(text.size()) - byte : 0;
    return *size == 0 ? "" : text.data() + byte;
  }
  static bool IsTooLong(TSParseState* state) {
    auto* input = static_cast<ParseInput*>(state->payload);
    if (state->has_error) --input->lost_steps_left_;
    if (--input->steps_left_ < 0 || input->lost_steps_left_ < 0) return true;
    // The clock costs as much as a step: it is asked once in sixteen.
    return input->steps_left_ % 16 == 0 && os::ThreadProcessorTimeNs() > input->end_ns_;
  }

 private:
  std::string_view text_;
  // The densest ordinary files take a step in 55 bytes.
  int64_t steps_left_;
  // Steps while the parser looks for a way back from an error. Of 14,000 headers and modules three
  // took more.
  int64_t lost_steps_left_;
  int64_t end_ns_;
};

Tree Parse(TSParser* parser, const TSLanguage* language, std::string_view text) {
  if (!ts_parser_set_language(parser, language)) return nullptr;
  ParseInput input(text);
  TSInput reader{};
  reader.payload = &input;
  reader.read = ParseInput::Read;
  reader.encoding = TSInputEncodingUTF8;
  TSParseOptions options{};
  options.payload = &input;
  options.progress_callback = ParseInput::IsTooLong;
  Tree tree(ts_parser_parse_with_options(parser, nullptr, reader, options));
  ts_parser_reset(parser);
  return tree;
}

// Walks a tree once, top down, looking into nodes only as far as chunks need.
class TreeWalk {
 public:
  TreeWalk(const Grammar& grammar, const Lines& lines, Outline& outline, TSNode root)
      : grammar_(grammar), lines_(lines), outline_(outline), cursor_(ts_tree_cursor_new(root)) {}
  ~TreeWalk() { ts_tree_cursor_delete(&cursor_); }
  TreeWalk(const TreeWalk&) = delete;
  TreeWalk& operator=(const TreeWalk&) = delete;

  void Run() {
    outline_.AddAtom({});
    VisitChildren({});
  }

 private:
  // What a node's surroundings mean for it.
  struct Place {
    uint32_t symbol = 0;
    uint32_t inside = 0;
    int depth = 0;
  };
  // Lines of a node: from the comment above it, from itself, and up to the line after it.
  struct Extent {
    uint32_t lead;
    uint32_t first;
    uint32_t end;
  };

  static uint32_t EndLine(TSNode node) {
    const TSPoint end = ts_node_end_point(node);
    // Some nodes include their line's end.
    return end.column == 0 && end.row > ts_node_start_point(node).row ? end.row : end.row + 1;
  }

  bool IsTooHeavy(const Extent& extent) const {
    return lines_.Weight(extent.lead, extent.end) > kChunkSizeMax;
  }

  // The children of the cursor's node; the cursor comes back to it.
  void VisitChildren(const Place& place) {
    if (place.depth > kDepthMax || !ts_tree_cursor_goto_first_child(&cursor_)) return;
    constexpr uint32_t kNone = UINT32_MAX;
    uint32_t lead = kNone;      // Where comments that wait for what they belong to began.
    uint32_t previous_end = 0;  // The line after the sibling before.
    uint32_t license_end =
        kNone;  // The line after the comment that opens the file, while it goes on.
    do {
      const TSNode node = ts_tree_cursor_current_node(&cursor_);
      if (!ts_node_is_named(node)) {
        if (ts_node_end_byte(node) > ts_node_start_byte(node)) previous_end = EndLine(node);
        continue;
      }
      const uint32_t first = ts_node_start_point(node).row;
      const uint32_t end = std::min(EndLine(node), lines_.count());
      if (first >= end) continue;  // Empty: what the parser only assumed.
      if (grammar_.Of(node).role == Role::kLead) {
        if (IsLicense(node, first, license_end)) {
          license_end = end;
        } else if (lead == kNone && first >= previous_end) {
          lead = first;
        }
        previous_end = end;
        continue;
      }
      license_end = kNone;
      Visit(node, {std::min(lead, first), first, end}, place);
      lead = kNone;
      previous_end = end;
    } while (ts_tree_cursor_goto_next_sibling(&cursor_));
    if (lead != kNone && lines_.Weight(lead, previous_end) > kDecentMember) {
      outline_.AddAtom({lead, place.symbol, place.inside, Atom::Kind::kPlain, false});
    }
    ts_tree_cursor_goto_parent(&cursor_);
  }

  // The comment at the top of a file that is about the file's owner; what stands below is not.
  bool IsLicense(TSNode node, uint32_t first, uint32_t license_end) const {
    if (first == license_end) return true;
    if (first > 1) return false;
    const uint32_t begin = ts_node_start_byte(node);
    const std::string_view head = lines_.text().substr(begin, 800);
    for (const std::string_view word : {"opyright", "icense", "SPDX", "COPYRIGHT", "LICENSE"}) {
      if (head.find(word) != std::string_view::npos) return true;
    }
    return false;
  }

  void Visit(TSNode node, const Extent& extent, const Place& place) {
    const NodeKind kind = grammar_.Of(node);
    Place below = place;
    ++below.depth;
    Role role = kind.role;
    if (place.inside != 0 && role == Role::kGlue) role = Role::kOther;
    // To its grammar, a namespace of TypeScript is an expression.
    if (kind.name == NameRule::kProperty &&
        grammar_.Of(ts_node_named_child(node, 0)).role == Role::kScope) {
      role = Role::kWrapper;
    }
    switch (role) {
      case Role::kBlock:
        // A block on its own, and not its lines' first: `{ ... }` among statements.
        if (place.inside != 0) AddPlain(extent, place, Atom::Kind::kPlain);
        VisitChildren(below);
        break;
      case Role::kGlue:
        AddPlain(extent, place, Atom::Kind::kOpening);
        VisitChildren(below);
        break;
      case Role::kWrapper:
        VisitWrapped(extent, place);
        break;
      case Role::kScope:
      case Role::kType:
        VisitContainer(node, kind, extent, place);
        break;
      case Role::kDefinition:
      case Role::kMinor:
        VisitDefinition(node, kind, extent, place);
        break;
      default:
        VisitOther(extent, place);
        break;
    }
  }

  void AddPlain(const Extent& extent, const Place& place, Atom::Kind kind) {
    outline_.AddAtom({extent.lead, place.symbol, place.inside, kind, false});
  }

  // The one definition inside takes the wrapper's lines, and the comment above, for its own.
  void VisitWrapped(const Extent& extent, const Place& place) {
    bool has_definition = false;
    if (place.depth < kDepthMax && ts_tree_cursor_goto_first_child(&cursor_)) {
      do {
        const TSNode node = ts_tree_cursor_current_node(&cursor_);
        const Role role = grammar_.Of(node).role;
        if (!ts_node_is_named(node) || role == Role::kOther || role == Role::kLead ||
            role == Role::kBlock) {
          continue;
        }
        Place below = place;
        ++below.depth;
        Visit(node, extent, below);
        has_definition = true;
        break;
      } while (ts_tree_cursor_goto_next_sibling(&cursor_));
      ts_tree_cursor_goto_parent(&cursor_);
    }
    if (!has_definition) VisitOther(extent, place);
  }

  // Records the names found at a node; returns its symbol, or the surrounding one when it has no
  // name.
  // `is_new`: the names are defined here, not only said again as by `impl Type` or `namespace x`.
  uint32_t AddNames(const FoundNames& found, uint32_t line, const Place& place,
                    bool is_new = true) {
    if (found.names.empty()) return place.symbol;
    uint32_t symbol = 0;
    if (found.names.size() == 1) {
      symbol = outline_.AddSymbol(place.symbol, found.names.front());
    } else {
      std::string joined = found.names[0] + ", " + found.names[1];
      if (found.names.size() > 2) joined += ", " + found.names[2];
      if (found.names.size() > 3) joined += " …";
      symbol = outline_.AddSymbol(place.symbol, joined);
    }
    if (!is_new) return symbol;
    for (const std::string& name : found.names) {
      const size_t last = name.rfind(outline_.separator);
      outline_.names.push_back(
          {line, last == std::string::npos ? name : name.substr(last + outline_.separator.size())});
    }
    return symbol;
  }

  void VisitContainer(TSNode node, const NodeKind& kind, const Extent& extent, const Place& place) {
    const FoundNames found = FindNames(node, kind.name, lines_.text());
    if (kind.name == NameRule::kTagged && found.names.empty() &&
        ts_node_is_null(ts_node_child_by_field_name(node, "body", 4))) {
      VisitOther(extent, place);  // `class X;`
      return;
    }
    const bool is_scope = kind.role == Role::kScope;
    const bool is_new = !is_scope && kind.name != NameRule::kTypeField;
    Place below{AddNames(found, extent.first, place, is_new), place.inside, place.depth + 1};
    const size_t header = outline_.AddAtom({extent.lead, below.symbol, place.inside,
                                            is_scope ? Atom::Kind::kOpening : Atom::Kind::kHeader,
                                            !is_scope && !found.names.empty()});
    VisitBlocks(below);
    if (!is_scope && header != Outline::kNotTaken) Collapse(header, extent);
  }

  // The children of those children of the cursor's node that are blocks.
  void VisitBlocks(const Place& place) {
    if (place.depth > kDepthMax || !ts_tree_cursor_goto_first_child(&cursor_)) return;
    do {
      const TSNode node = ts_tree_cursor_current_node(&cursor_);
      if (ts_node_is_named(node) && grammar_.Of(node).role == Role::kBlock) VisitChildren(place);
    } while (ts_tree_cursor_goto_next_sibling(&cursor_));
    ts_tree_cursor_goto_parent(&cursor_);
  }

  // Makes a type whose first atom is `header` one atom when it is small and none of its members is
  // large.
  void Collapse(size_t header, const Extent& extent) {
    if (outline_.atoms[header].kind != Atom::Kind::kHeader) return;
    if (lines_.Weight(extent.lead, extent.end) > kWholeTypeMax) return;
    for (size_t i = header + 1; i < outline_.atoms.size(); ++i) {
      const uint32_t end = i + 1 < outline_.atoms.size() ? outline_.atoms[i + 1].line : extent.end;
      const Atom& member = outline_.atoms[i];
      if (member.is_named &&
          lines_.Weight(member.line, std::max(end, member.line)) >= kDecentMember)
        return;
    }
    outline_.atoms.resize(header + 1);
    outline_.atoms[header].kind = Atom::Kind::kDefinition;
  }

  void VisitDefinition(TSNode node, const NodeKind& kind, const Extent& extent,
                       const Place& place) {
    // Constants and the like count outside of functions; assignments outside of types as well.
    const bool is_local = kind.role == Role::kMinor && place.inside != 0;
    const bool is_field = kind.name == NameRule::kAssignment && place.symbol != 0;
    FoundNames found;
    if (!is_field) found = FindNames(node, kind.name, lines_.text());
    if (is_local && !found.is_definition) found.names.clear();
    if (found.names.empty()) {
      VisitOther(extent, place);
      return;
    }
    Place below{AddNames(found, extent.first, place), place.inside, place.depth + 1};
    const size_t atom =
        outline_.AddAtom({extent.lead, below.symbol, place.inside, Atom::Kind::kDefinition, true});
    if (!IsTooHeavy(extent)) {
      if (place.inside == 0) AddNested(below, 0);
      return;
    }
    below.inside = ++large_count_;
    if (atom != Outline::kNotTaken) outline_.atoms[atom].inside = below.inside;
    if (extent.first > extent.lead && lines_.Weight(extent.lead, extent.first) > kDecentMember) {
      outline_.AddAtom({extent.first, below.symbol, below.inside, Atom::Kind::kPlain, false});
    }
    VisitChildren(below);
  }

  // Names of functions directly inside a function: closures are looked for by name too.
  void AddNested(const Place& place, int level) {
    if (level > 1 || !ts_tree_cursor_goto_first_child(&cursor_)) return;
    do {
      const TSNode node = ts_tree_cursor_current_node(&cursor_);
      if (!ts_node_is_named(node)) continue;
      const NodeKind kind = grammar_.Of(node);
      if (kind.role == Role::kBlock) {
        AddNested(place, level + 1);
      } else if (level > 0 && (kind.role == Role::kDefinition || kind.role == Role::kType)) {
        const FoundNames found = FindNames(node, kind.name, lines_.text());
        AddNames(found, ts_node_start_point(node).row, place);
      }
    } while (ts_tree_cursor_goto_next_sibling(&cursor_));
    ts_tree_cursor_goto_parent(&cursor_);
  }

  void VisitOther(const Extent& extent, const Place& place) {
    AddPlain(extent, place, Atom::Kind::kPlain);
    if (!IsTooHeavy(extent)) return;
    Place below = place;
    ++below.depth;
    if (below.inside == 0) below.inside = ++large_count_;
    VisitChildren(below);
  }

  const Grammar& grammar_;
  const Lines& lines_;
  Outline& outline_;
  TSTreeCursor cursor_;
  uint32_t large_count_ = 0;
};

}  // namespace

SyntaxOutliner::SyntaxOutliner() : parser_(ts_parser_new()) {}
SyntaxOutliner::~SyntaxOutliner() { ts_parser_delete(parser_); }

const Grammar& SyntaxOutliner::GrammarOf(Language language) {
  const auto found = grammars_.find(language);
  return found != grammars_.end() ? found->second
                                  : grammars_.emplace(language, Grammar(language)).first->second;
}

bool SyntaxOutliner::Run(Language language, const Lines& lines, Outline& outline) {
  if (Grammar::Find(language) == nullptr || lines.text().size() > kParseSizeMax ||
      lines.longest() > kParseLineMax) {
    return false;
  }
  const Grammar& grammar = GrammarOf(language);
  const Tree tree = Parse(parser_, grammar.language(), lines.text());
  if (tree == nullptr) return false;
  outline.Clear(grammar.separator());
  TreeWalk(grammar, lines, outline, ts_tree_root_node(tree.get())).Run();
  return true;
}

}  // namespace intact::source
