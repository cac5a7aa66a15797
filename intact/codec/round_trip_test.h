// What tests of encoded vectors share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "intact/codec/codec.h"
#include "intact/testing/vectors.h"

namespace intact::codec {

inline bool HaveSameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// Tables learned from `rows` [n, dimensions].
inline VectorTables LearnedTables(std::span<const float> rows, size_t dimensions) {
  TableLearner learner(dimensions);
  VectorWords words;
  for (size_t at = 0; at < rows.size(); at += dimensions) {
    AnalyseVector(rows.subspan(at, dimensions), {}, words);
    learner.Add(words);
  }
  return learner.Finish(rows.size() / dimensions);
}

// Encodes `vector`, expects it back bit for bit and within EncodedSizeMax; how it was encoded.
inline VectorKind ExpectRoundTrip(VectorEncoder& encoder, const VectorTables& tables,
                                  std::span<const float> vector, Goal goal, base::Bytes& encoded) {
  encoded.clear();
  const VectorKind kind = encoder.Encode(vector, goal, encoded);
  EXPECT_LE(encoded.size(), EncodedSizeMax(vector.size()));
  std::vector<float> decoded(vector.size(), 42.0f);
  const base::Status status = DecodeVector(tables, encoded, decoded);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(HaveSameBits(decoded, vector))
      << KindName(kind) << ", " << FormName(kind.form) << ", d=" << vector.size();
  const base::Result<VectorKind> told = KindOf(encoded);
  EXPECT_TRUE(told.ok() && told->form == kind.form && told->is_sparse == kind.is_sparse &&
              told->recipe.word == kind.recipe.word &&
              told->recipe.arithmetic == kind.recipe.arithmetic);
  return kind;
}

// The same for the completion of the vector's search code.
inline VectorKind ExpectCompletion(VectorEncoder& encoder, const VectorTables& tables,
                                   std::span<const float> vector, const testing::SearchCode& code,
                                   base::Bytes& encoded) {
  encoded.clear();
  const VectorKind kind = encoder.EncodeCompletion(vector, code.code, code.scale, encoded);
  EXPECT_LE(encoded.size(), EncodedSizeMax(vector.size()));
  std::vector<float> decoded(vector.size(), 42.0f);
  const base::Status status = DecodeCompletion(tables, encoded, code.code, code.scale, decoded);
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(HaveSameBits(decoded, vector))
      << KindName(kind) << ", " << FormName(kind.form) << ", d=" << vector.size();
  return kind;
}

}  // namespace intact::codec
