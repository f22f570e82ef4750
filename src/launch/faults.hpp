#pragma once

#include "launch/cloud.hpp"

namespace nodeboot {

/// What a fault means for the call that got it.
enum class Verdict {
    done,   ///< it is so already
    again,  ///< passes by itself: something is not visible yet, or not gone yet
    failed,
};
/// EC2 does not know the instance profile, perhaps not yet: IAM's news take up to two minutes.
bool is_unknown_profile(const AwsFault& fault);

Verdict judge(const ApiCall& call, const AwsFault& fault);

/// For people: names the quota that is used up, the permission that is missing, what to do next.
Error explain(const ApiCall& call, const AwsFault& fault);

/// No capacity, or no such instance type, in this availability zone; another one may have it.
bool is_capacity_fault(const AwsFault& fault);

}  // namespace nodeboot
