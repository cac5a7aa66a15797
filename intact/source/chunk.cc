#include "intact/source/chunk.h"

#include "intact/base/base.h"
#include "intact/source/chunk_headings.h"
#include "intact/source/chunk_keywords.h"
#include "intact/source/chunk_lines.h"
#include "intact/source/chunk_outline.h"
#include "intact/source/chunk_pack.h"
#include "intact/source/chunk_syntax.h"

namespace intact::source {

class Chunker::Implementation {
 public:
  std::vector<Chunk> Split(Language language, std::string_view text) {
    lines_.Assign(text);
    if (language == Language::kMarkdown) {
      OutlineMarkdown(lines_, outline_);
    } else if (language == Language::kRst) {
      OutlineRst(lines_, outline_);
    } else if (!syntax_.Run(language, lines_, outline_)) {
      std::vector<Chunk> chunks = PackLines(lines_);
      NameChunks(language, text, chunks);
      return chunks;
    }
    return PackOutline(lines_, outline_);
  }

 private:
  Lines lines_;
  Outline outline_;
  SyntaxOutliner syntax_;
};

Chunker::Chunker() : implementation_(std::make_unique<Implementation>()) {}
Chunker::~Chunker() = default;

std::vector<Chunk> Chunker::Split(Language language, std::string_view text) {
  INTACT_CHECK(text.size() <= kChunkTextSizeMax);
  return implementation_->Split(language, text);
}

}  // namespace intact::source
