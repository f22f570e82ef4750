#include "phases/sysctl.hpp"

#include <fmt/core.h>

#include "base/lines.hpp"
#include "phases/staleness.hpp"
#include "phases/sysctl_files.hpp"
#include "system/sysctl_path.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

// Behind Debian's 99-sysctl.conf, the link to /etc/sysctl.conf.
constexpr auto kName = "99-zz-nodeboot.conf";

// Not in every kernel, and not in every container: nothing is missed where they are missing.
bool is_optional(const std::string& key) { return key.starts_with("kernel.keys."); }

std::string file_text(const std::map<std::string, std::string>& wanted) {
    std::string text = "# Made by nodeboot; change values with host.sysctl in its config.\n";
    for (const auto& [key, value] : wanted) text += fmt::format("{}{} = {}\n", is_optional(key) ? "-" : "", key, value);
    return text;
}

// The mount that holds `path` is read-only: the last mount on the longest prefix decides.
bool is_read_only(std::string_view mounts, const std::string& path) {
    std::size_t longest = 0;
    bool read_only = false;
    for (const auto line : lines_of(mounts)) {
        const auto words = words_of(line);
        if (words.size() < 4) continue;
        const auto point = words[1];
        const bool holds =
            path.starts_with(point) && (point == "/" || path.size() == point.size() || path[point.size()] == '/');
        if (!holds || point.size() < longest) continue;
        longest = point.size();
        read_only = words[3] == "ro" || words[3].starts_with("ro,");
    }
    return read_only;
}

Result<void> refuse_read_only(const std::vector<NodeChange>& changes, const HostView& view) {
    std::vector<std::string> stuck;
    std::string mounts;
    for (const auto& change : changes) {
        const auto* set = std::get_if<SetSysctl>(&change.action);
        if (set == nullptr || change.from == "absent") continue;
        if (mounts.empty()) mounts = NB_TRY(view.read("/proc/self/mounts")).value_or("none\n");
        if (is_read_only(mounts, sysctl_path(set->key)))
            stuck.push_back(fmt::format("{} is {} and must be {}", set->key, change.from, set->value));
    }
    if (stuck.empty()) return {};
    return fail(ErrorKind::permission, fmt::format("/proc/sys is read-only here: {}", join(stuck, "; ")),
                "set these on the machine that this container runs on, or take them off the list with "
                "an empty value in host.sysctl");
}

class Sysctl final : public NodePhase {
   public:
    explicit Sysctl(const Config& config) : wanted_(wanted_sysctls(config)) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_file(changes, view, Path("/etc/sysctl.d") / kName, file_text(wanted_)));
        for (auto& entry : NB_TRY(later_overrides(view, kName, wanted_))) {
            if (const auto info = NB_TRY(view.stat(entry.mended_path)); info && info->type == FileInfo::Type::symlink)
                NB_CHECK(keep_original(changes, view, entry.mended_path));
            changes.push_back(
                {entry.file.string(), join(entry.lines, ", "), "commented out: read after nodeboot's file",
                 WriteFile{entry.mended_path, entry.mended, NB_TRY(attributes_to_keep(view, entry.mended_path))}});
        }
        for (const auto& [key, value] : wanted_) {
            if (is_optional(key) && !NB_TRY(view.stat(sysctl_path(key)))) continue;
            NB_CHECK(want_sysctl(changes, view, key, value));
        }
        NB_CHECK(refuse_read_only(changes, view));
        return changes;
    }

    // A value that no other file names stays until the next boot: what it was before is not known.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_overrides_back(changes, view));
        const auto others = NB_TRY(sysctls_of_others(view, kName));
        for (const auto& [key, value] : wanted_)
            if (const auto it = others.find(canonical_sysctl(key)); it != others.end())
                NB_CHECK(want_sysctl(changes, view, key, it->second));
        return changes;
    }

   private:
    PhaseInfo info_{"sysctl",
                    "Kernel settings for forwarding, bridges and kubelet, now and at boot",
                    {"preflight", "kernel-modules"},
                    std::chrono::minutes(1)};
    std::map<std::string, std::string> wanted_;
};

}  // namespace

std::map<std::string, std::string> wanted_sysctls(const Config& config) {
    std::map<std::string, std::string> wanted{
        {"net.ipv4.ip_forward", "1"},
        {"net.bridge.bridge-nf-call-iptables", "1"},  // flannel#2068; kubeadm no longer checks it
        {"net.bridge.bridge-nf-call-ip6tables", "1"},
        // kubelet's protectKernelDefaults refuses other values (pkg/kubelet/cm/container_manager_linux.go).
        {"vm.overcommit_memory", "1"},
        {"vm.panic_on_oom", "0"},
        {"kernel.panic", "10"},
        {"kernel.panic_on_oops", "1"},
        {"kernel.keys.root_maxkeys", "1000000"},
        {"kernel.keys.root_maxbytes", "25000000"},
        // The kernel's default of 128 instances runs out with a few log followers ("too many open files");
        // its own upper bound for watches.
        {"fs.inotify.max_user_instances", "8192"},
        {"fs.inotify.max_user_watches", "1048576"},
    };
    for (const auto& [key, value] : config.host.sysctl) {
        std::erase_if(wanted,
                      [&](const auto& entry) { return canonical_sysctl(entry.first) == canonical_sysctl(key); });
        if (!value.empty()) wanted[key] = value;
    }
    return wanted;
}

std::shared_ptr<const NodePhase> make_sysctl_phase(const Config& config) { return std::make_shared<Sysctl>(config); }

}  // namespace nodeboot
