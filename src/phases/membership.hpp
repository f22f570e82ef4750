#pragma once

#include "system/action.hpp"

namespace nodeboot {

/// How far this machine has come; `repair` and `status` use it too.
enum class Membership { none, half_joined, joined };
Result<Membership> membership(const HostView& view);

/// The steps that bring a half-joined or joined worker back to a machine that can join: kubelet stopped, its
/// credentials and configuration removed. Images, containerd and packages stay.
Result<void> clear_membership(ActionContext& context);

}  // namespace nodeboot
