#pragma once

#include <memory>

#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The kernel can do what containers, bridges and services need (overlay, br_netfilter, nf_conntrack and
/// `host.modules`), now and after the next boot. What counts as loaded is what works: /proc/filesystems, the sysctls a
/// module brings, then /proc/modules, then the kernel's list of built-in modules. A kernel with everything built in
/// and no /lib/modules at all is fine.
std::shared_ptr<const NodePhase> make_kernel_modules_phase(const Config& config);

}  // namespace nodeboot
