// What any local embedding model does. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace intact::model {

class TextModel {
 public:
  virtual ~TextModel() = default;

  virtual uint32_t dimensions() const = 0;
  // Everything that decides a vector's bits.
  virtual const std::string& identity() const = 0;
  // The embedding of `text`, any bytes, into `vector` [d]: unit length but for the rounding of each
  // component; the first unit vector for a text of which the model knows nothing.
  virtual void Embed(std::string_view text, std::span<float> vector) const = 0;
  // Tokens of `text`, whether the model knows them or not.
  virtual uint64_t CountTokens(std::string_view text) const = 0;
};

}  // namespace intact::model
