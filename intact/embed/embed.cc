#include "intact/embed/embed.h"

#include <vector>

#include "intact/model/model.h"
#include "intact/os/os.h"

namespace intact::embed {
namespace {

class LocalEmbedder final : public Embedder {
 public:
  using Mappings = std::vector<std::unique_ptr<os::Mapping>>;
  LocalEmbedder(Mappings mappings, std::unique_ptr<model::TextModel> model)
      : mappings_(std::move(mappings)),
        model_(std::move(model)),
        identity_("local/" + model_->identity()) {}

  const std::string& identity() const override { return identity_; }
  uint32_t dimensions() const override { return model_->dimensions(); }

  base::Status Embed(std::span<const std::string_view> texts,
                     std::span<float> vectors) const override {
    const size_t d = dimensions();
    INTACT_CHECK(vectors.size() == texts.size() * d);
    for (size_t i = 0; i < texts.size(); ++i) model_->Embed(texts[i], vectors.subspan(i * d, d));
    for (const std::unique_ptr<os::Mapping>& mapping : mappings_) {
      INTACT_RETURN_IF_ERROR(mapping->Check(os::MappingCheck::kContent));
    }
    return base::Ok();
  }

  uint64_t CountTokens(std::string_view text) const override { return model_->CountTokens(text); }

 private:
  Mappings mappings_;  // None for the built-in model.
  std::unique_ptr<model::TextModel> model_;
  std::string identity_;
};

// What `parse` made of the mapped files, unless one changed meanwhile.
template <typename Parse>
base::Result<std::unique_ptr<Embedder>> OpenMapped(const std::vector<std::string>& paths,
                                                   const Parse& parse) {
  LocalEmbedder::Mappings mappings;
  for (const std::string& path : paths) {
    INTACT_ASSIGN_OR_RETURN(mappings.emplace_back(), os::RealFileSystem().Map(path));
  }
  auto parsed = parse(mappings);
  for (const std::unique_ptr<os::Mapping>& mapping : mappings) {
    INTACT_RETURN_IF_ERROR(mapping->Check(os::MappingCheck::kContent));
  }
  if (!parsed.ok()) return parsed.status();
  return std::unique_ptr<Embedder>(
      std::make_unique<LocalEmbedder>(std::move(mappings), std::move(parsed).value()));
}

base::Result<std::unique_ptr<Embedder>> OpenFolder(const std::string& path) {
  const auto file = [&](std::string_view name) { return os::JoinPath(path, name); };
  return OpenMapped(
      {file("model.safetensors"), file("tokenizer.json"), file("config.json")},
      [](const LocalEmbedder::Mappings& mappings) {
        return model::Model2vec::Parse({.tensors = mappings[0]->bytes(),
                                        .tokeniser = base::AsText(mappings[1]->bytes()),
                                        .config = base::AsText(mappings[2]->bytes())});
      });
}

base::Result<std::unique_ptr<Embedder>> OpenFile(const std::string& path) {
  return OpenMapped({path}, [](const LocalEmbedder::Mappings& mappings) {
    return model::StaticModel::Parse(mappings[0]->bytes(), model::DigestCheck::kCompare);
  });
}

}  // namespace

base::Result<std::unique_ptr<Embedder>> OpenLocalEmbedder(const std::string& path) {
  if (path.empty()) {
    // Part of the program, whose bytes are as sound as its code: only the header is looked at.
    INTACT_ASSIGN_OR_RETURN(auto builtin, model::StaticModel::Parse(model::BuiltinModelFile(),
                                                                    model::DigestCheck::kSkip));
    return std::unique_ptr<Embedder>(
        std::make_unique<LocalEmbedder>(LocalEmbedder::Mappings(), std::move(builtin)));
  }
  const base::Result<os::FileStat> stat = os::StatPath(path, true);
  const std::string context = "cannot use the model " + path;
  // Whatever is wrong with it: the model is at fault, not the store that the caller has at hand.
  const auto refuse = [&](const base::Status& status) {
    return base::InvalidArgument(context + ": " + status.message());
  };
  if (!stat.ok()) return refuse(stat.status());
  auto opened = stat->kind == os::EntryKind::kDirectory ? OpenFolder(path) : OpenFile(path);
  if (!opened.ok()) return refuse(opened.status());
  return opened;
}

}  // namespace intact::embed
