#include "base/instance_type.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

TEST(InstanceType, the_family_tells_the_architecture) {
    for (const auto* type : {"t4g.small", "m6g.large", "m7gd.metal", "c7gn.xlarge", "c8g.medium", "a1.medium",
                             "x2gd.medium", "im4gn.large", "is4gen.medium", "g5g.xlarge", "hpc7g.4xlarge", "i8g.large"})
        EXPECT_EQ(to_string(architecture_of(type)), "arm64") << type;
    for (const auto* type : {"t3.medium", "t3a.small", "m5.large", "g4dn.xlarge", "g6.xlarge", "gr6.4xlarge",
                             "c7i-flex.large", "u-6tb1.metal", "p4d.24xlarge", "i4i.large", "x2iedn.metal", "hpc7a.x"})
        EXPECT_EQ(to_string(architecture_of(type)), "amd64") << type;
}

}  // namespace
}  // namespace nodeboot
