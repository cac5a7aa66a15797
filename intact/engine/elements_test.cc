// Goal: rows of a file become float32, or the message names the value that is none.
#include "intact/engine/elements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace intact::engine {
namespace {

using base::ElementType;
using ::testing::HasSubstr;

TEST(Elements, NamesTheFirstValueThatIsNotAFloat32) {
  const double rows[] = {1, 2, 3, 0.5, 0.1, 0.2};
  std::vector<float> wide;
  const base::Status status =
      WidenRows(ElementType::kFloat64, std::as_bytes(std::span(rows)), 3, 100, wide);
  EXPECT_EQ(status.code(), base::Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("row 101, value 1: 0.1 is not exactly a float32"));
  EXPECT_TRUE(WidenRows(ElementType::kFloat64, std::as_bytes(std::span(rows, 3)), 3, 0, wide).ok());
  EXPECT_EQ(wide, (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace intact::engine
