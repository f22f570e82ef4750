#include "phases/kernel_modules.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/lines.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kFile = "/etc/modules-load.d/nodeboot.conf";

// Module names are written with - or _; the kernel knows them with _ only.
std::string kernel_name(std::string name) {
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

Result<bool> exists(const HostView& view, const Path& path) { return NB_TRY(view.stat(path)).has_value(); }

// What a module does, where that can be seen: true only if it certainly works.
Result<bool> shows_effect(const HostView& view, const std::string& name) {
    if (name == "br_netfilter") return exists(view, "/proc/sys/net/bridge/bridge-nf-call-iptables");
    if (name == "nf_conntrack") return exists(view, "/proc/sys/net/netfilter/nf_conntrack_max");
    const auto filesystems = NB_TRY(view.read("/proc/filesystems")).value_or("");
    for (const auto line : lines_of(filesystems)) {
        const auto words = words_of(line);
        if (!words.empty() && words.back() == name) return true;
    }
    return false;
}

Result<bool> is_listed(const HostView& view, const std::string& name) {
    const auto modules = NB_TRY(view.read("/proc/modules")).value_or("");
    for (const auto line : lines_of(modules))
        if (line.substr(0, line.find(' ')) == name) return true;
    const auto release = NB_TRY(view.read("/proc/sys/kernel/osrelease")).value_or("");
    const auto builtin = NB_TRY(view.read(fmt::format("/lib/modules/{}/modules.builtin", trim(release)))).value_or("");
    for (const auto line : lines_of(builtin)) {
        const auto file = line.substr(line.rfind('/') + 1);
        if (kernel_name(std::string(file.substr(0, file.find('.')))) == name) return true;
    }
    return false;
}

Result<bool> works(const HostView& view, const std::string& name) {
    if (NB_TRY(shows_effect(view, name))) return true;
    return is_listed(view, name);
}

class KernelModules final : public NodePhase {
   public:
    explicit KernelModules(const Config& config) {
        for (const auto& name : config.host.modules)
            if (std::find(modules_.begin(), modules_.end(), kernel_name(name)) == modules_.end())
                modules_.push_back(kernel_name(name));
    }

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_file(changes, view, kFile,
                           fmt::format("# Made by nodeboot; add modules with host.modules in its config.\n{}\n",
                                       join(modules_, "\n"))));
        for (const auto& name : modules_)
            if (!NB_TRY(works(view, name)))
                changes.push_back({"kernel module " + name, "not loaded", "loaded", LoadModule{name}});
        return changes;
    }

    // What is loaded stays loaded until the next boot: somebody else may have come to use it.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_restored(changes, view, kFile));
        return changes;
    }

   private:
    PhaseInfo info_{"kernel-modules",
                    "overlay, br_netfilter and nf_conntrack are loaded, now and at boot",
                    {"preflight"},
                    std::chrono::minutes(1)};
    std::vector<std::string> modules_{"overlay", "br_netfilter", "nf_conntrack"};
};

}  // namespace

std::shared_ptr<const NodePhase> make_kernel_modules_phase(const Config& config) {
    return std::make_shared<KernelModules>(config);
}

}  // namespace nodeboot
