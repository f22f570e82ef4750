#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// No swap, now (/proc/swaps) and after the next boot, wherever it would come from: /etc/fstab, systemd .swap units
/// (also those that systemd-gpt-auto-generator makes from the partition table), zram-generator, zram-tools. kubelet
/// refuses to start with swap on. Swap files and partitions are left as they are, only nobody uses them any more.
std::shared_ptr<const NodePhase> make_swap_phase(const Config& config);

/// fstab(5) with its swap lines commented out and every other byte as it was.
std::string fstab_without_swap(std::string_view fstab);

/// A name as /proc/swaps and fstab write it: \040 for a blank.
std::string unescape_mount_name(std::string_view name);

}  // namespace nodeboot
