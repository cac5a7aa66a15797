// embed: texts in, vectors out. One provider so far: the local model, which needs no network and
// costs nothing; remote providers, with batching, limits, retries and spending, take the same
// interface.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "intact/base/base.h"

namespace intact::embed {

// Thread rule: all functions are thread-safe.
class Embedder {
 public:
  virtual ~Embedder() = default;

  // Provider, model, revision, dimensions and options: everything that decides a vector's bits.
  // Part of every key, and fixed for a store.
  virtual const std::string& identity() const = 0;
  virtual uint32_t dimensions() const = 0;
  // Embeds `texts` [n] into `vectors` [n, d] row-major. Any bytes are a text, none too. Every
  // component is finite; the vectors have unit length but for the model's own rounding.
  virtual base::Status Embed(std::span<const std::string_view> texts,
                             std::span<float> vectors) const = 0;
  // What the provider would count for `text`.
  virtual uint64_t CountTokens(std::string_view text) const = 0;
};

// The local model: the one built in, or, when `path` is not empty, that file of intact's own format
// or that folder of a model2vec model. kNotFound, kCorruption, kInvalidArgument or kUnsupported
// when it cannot be used.
base::Result<std::unique_ptr<Embedder>> OpenLocalEmbedder(const std::string& path = "");

}  // namespace intact::embed
