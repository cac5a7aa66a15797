#include "intact/embed/embed.h"

#include "intact/model/model.h"
#include "intact/os/os.h"

namespace intact::embed {
namespace {

class LocalEmbedder final : public Embedder {
 public:
  LocalEmbedder(std::unique_ptr<os::Mapping> mapping, std::unique_ptr<model::StaticModel> model)
      : mapping_(std::move(mapping)),
        model_(std::move(model)),
        identity_("local/" + model_->identity()) {}

  const std::string& identity() const override { return identity_; }
  uint32_t dimensions() const override { return model_->dimensions(); }

  base::Status Embed(std::span<const std::string_view> texts,
                     std::span<float> vectors) const override {
    const size_t d = dimensions();
    INTACT_CHECK(vectors.size() == texts.size() * d);
    for (size_t i = 0; i < texts.size(); ++i) model_->Embed(texts[i], vectors.subspan(i * d, d));
    return mapping_ == nullptr ? base::Ok() : mapping_->Check(os::MappingCheck::kContent);
  }

  uint64_t CountTokens(std::string_view text) const override {
    uint64_t count = 0;
    model::Tokeniser tokeniser(text);
    for (model::Token token; tokeniser.Next(token);) ++count;
    return count;
  }

 private:
  std::unique_ptr<os::Mapping> mapping_;  // Null for the built-in model.
  std::unique_ptr<model::StaticModel> model_;
  std::string identity_;
};

}  // namespace

base::Result<std::unique_ptr<Embedder>> OpenLocalEmbedder(const std::string& path) {
  if (path.empty()) {
    // Part of the program, whose bytes are as sound as its code: only the header is looked at.
    INTACT_ASSIGN_OR_RETURN(auto builtin, model::StaticModel::Parse(model::BuiltinModelFile(),
                                                                    model::DigestCheck::kSkip));
    return std::unique_ptr<Embedder>(std::make_unique<LocalEmbedder>(nullptr, std::move(builtin)));
  }
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::Mapping> mapping, os::RealFileSystem().Map(path));
  auto parsed = model::StaticModel::Parse(mapping->bytes(), model::DigestCheck::kCompare);
  INTACT_RETURN_IF_ERROR(mapping->Check(os::MappingCheck::kContent));
  if (!parsed.ok()) return parsed.status().Annotate("cannot use the model " + path);
  return std::unique_ptr<Embedder>(
      std::make_unique<LocalEmbedder>(std::move(mapping), std::move(parsed).value()));
}

}  // namespace intact::embed
