#include "phases/preflight.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/lines.hpp"
#include "phases/preflight_checks.hpp"

namespace nodeboot {
namespace {

class Preflight final : public NodePhase {
   public:
    Preflight(const Config& config, const Clock& clock) : config_(config), clock_(clock) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        const auto problems = NB_TRY(find_preflight_problems(config_, view, clock_));
        std::vector<std::string> found, hints, names;
        for (const auto& problem : problems) {
            if (!problem.fatal) continue;
            found.push_back(fmt::format("{}: {}", problem.check, problem.what));
            names.push_back('"' + problem.check + '"');
            if (!problem.hint.empty()) hints.push_back(fmt::format("{}: {}", problem.check, problem.hint));
        }
        if (found.empty()) return std::vector<NodeChange>{};
        hints.push_back(fmt::format("to go on all the same: host.ignore_preflight = [{}]", join(names, ", ")));
        return fail(ErrorKind::refused,
                    fmt::format("this machine is not fit for the cluster ({} problem{}): {}", found.size(),
                                found.size() == 1 ? "" : "s", join(found, "; ")),
                    join(hints, "; "));
    }

    Result<void> verify(const HostView& view, StepContext& context) const override {
        for (const auto& problem : NB_TRY(find_preflight_problems(config_, view, clock_)))
            context.log.warning(fmt::format("preflight, {}: {}{}{}", problem.check, problem.what,
                                            problem.hint.empty() ? "" : "; ", problem.hint));
        return {};
    }

   private:
    PhaseInfo info_{"preflight", "The machine is fit for the cluster; nothing is changed", {}, std::chrono::minutes(1)};
    const Config& config_;
    const Clock& clock_;
};

}  // namespace

Result<bool> is_cluster_member(const HostView& view) {
    for (const auto* file : {"/etc/kubernetes/kubelet.conf", "/etc/kubernetes/bootstrap-kubelet.conf"})
        if (NB_TRY(view.stat(file))) return true;
    const auto manifests = NB_TRY(view.list("/etc/kubernetes/manifests"));
    return std::any_of(manifests.begin(), manifests.end(),
                       [](const std::string& name) { return name.ends_with(".yaml"); });
}

std::string node_name_flaw(const std::string& name) {
    if (name.empty()) return "it is empty";
    if (name == "localhost" || name.starts_with("localhost.") || name == "(none)") return "every machine has that name";
    if (name.size() > 253) return "it is longer than 253 characters";
    std::size_t label = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (c == '.') {
            if (label == 0 || name[i - 1] == '-' || i + 1 == name.size()) return "a part of it begins or ends wrongly";
            label = 0;
            continue;
        }
        if (!alphanumeric && c != '-') return fmt::format("'{}' is not allowed in it", c);
        if (c == '-' && label == 0) return "a part of it begins with '-'";
        if (++label > 63) return "a part of it is longer than 63 characters";
    }
    return name.back() == '-' ? "it ends with '-'" : "";
}

Result<std::string> settled_node_name(const Config& config, const HostView& view) {
    if (!config.node.name.empty()) return config.node.name;
    std::string name(trim(NB_TRY(view.read("/proc/sys/kernel/hostname")).value_or("")));
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (const auto flaw = node_name_flaw(name); !flaw.empty())
        return fail(ErrorKind::invalid_input, fmt::format("the hostname '{}' cannot be a node's name: {}", name, flaw),
                    "set node.name, or give the machine a hostname (hostnamectl set-hostname)");
    return name;
}

std::shared_ptr<const NodePhase> make_preflight_phase(const Config& config, const Clock& clock) {
    return std::make_shared<Preflight>(config, clock);
}

}  // namespace nodeboot
