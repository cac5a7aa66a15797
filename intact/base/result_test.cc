#include "intact/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace intact::base {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) return InvalidArgument(std::to_string(value) + " is odd");
  return value / 2;
}

Result<int> Quarter(int value) {
  INTACT_ASSIGN_OR_RETURN(const int half, Half(value));
  INTACT_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

Status CheckQuarter(int value) {
  INTACT_RETURN_IF_ERROR(Half(value).status());
  return Quarter(value).status();
}

TEST(Result, CarriesAValueOrAReason) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).status().ToString(), "invalid argument: 3 is odd");
  EXPECT_EQ(Quarter(7).code(), Code::kInvalidArgument);
  EXPECT_TRUE(CheckQuarter(8).ok());
  EXPECT_EQ(CheckQuarter(6).message(), "3 is odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 5);
}

TEST(Status, PutsContextBeforeTheMessage) {
  EXPECT_EQ(Corruption("bad").Annotate("segment 7").ToString(), "corruption: segment 7: bad");
  EXPECT_EQ(Ok().Annotate("segment 7").ToString(), "ok");
}

TEST(Status, NamesEveryCode) {
  for (int code = 0; code <= static_cast<int>(Code::kCancelled); ++code) {
    EXPECT_NE(CodeName(static_cast<Code>(code)), "unknown");
  }
  EXPECT_EQ(CodeName(static_cast<Code>(99)), "unknown");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureEndsTheProcess) {
  EXPECT_DEATH(static_cast<void>(*Half(1)), "check failed");
}

TEST(CheckDeathTest, AFalseConditionEndsTheProcessAndSaysWhere) {
  EXPECT_DEATH(INTACT_CHECK(1 + 1 == 3), "result_test.cc:.*1 \\+ 1 == 3");
  INTACT_CHECK(1 + 1 == 2);
}

}  // namespace
}  // namespace intact::base
