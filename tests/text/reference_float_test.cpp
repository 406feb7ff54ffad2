#include "text/reference_float.h"

#include <gtest/gtest.h>

namespace mlxserving::text {
namespace {

// Values that the reference core printed for these texts (tokenizers 0.23.3, Tokenizer.to_str).
TEST(ReferenceFloat, rounds_twice_as_the_reference_does) {
  EXPECT_EQ(reference_float("-1.6123709293488147", -1.6123709293488147), -1.6123709293488149);
  EXPECT_EQ(reference_float("-10.029181247038437", -10.029181247038437), -10.029181247038435);
  EXPECT_EQ(reference_float("-2.7451466552454318", -2.7451466552454318), -2.745146655245432);
  EXPECT_EQ(reference_float("-0.36707979640264243", -0.36707979640264243), -0.3670797964026424);
  EXPECT_EQ(reference_float("-2.5991927655673606", -2.5991927655673606), -2.599192765567361);
  EXPECT_EQ(reference_float("-11.910520946112781", -11.910520946112781), -11.91052094611278);
  EXPECT_EQ(reference_float("-3.25 ", -3.25), -3.25);
  EXPECT_EQ(reference_float("2.5e-3", 2.5e-3), 2.5e-3);
}

TEST(ReferenceFloat, gives_the_exact_value_beyond_the_powers_of_ten) {
  EXPECT_EQ(reference_float("1e-310", 1e-310), 1e-310);
  EXPECT_EQ(reference_float("1e999999", 7.0), 7.0);
}

}  // namespace
}  // namespace mlxserving::text
