#include "phases/containerd_config.hpp"

#include <fmt/core.h>

#include <set>

#include "phases/containerd_install.hpp"
#include "phases/containerd_toml.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kUnit = "containerd.service";
constexpr auto kFile = "/etc/containerd/config.toml";
constexpr auto kCrictl = "/etc/crictl.yaml";
constexpr auto kCerts = "/etc/containerd/certs.d";
// What its configuration and it itself made, innermost first.
constexpr const char* kContainerdFolders[] = {"/etc/containerd",     "/etc/cni/net.d",      "/etc/cni",
                                              "/opt/containerd/bin", "/opt/containerd/lib", "/opt/containerd"};

// Before containerd is there its version is not known; `up` asks again when it is. Every containerd reads layout 2.
const Version kUnknown{1, 7, std::nullopt};

// containerd looks for <host>, <host>_port_ and then this one (docs/hosts.md): not in a folder named "*".
std::string folder_of(const std::string& registry) { return registry == "*" ? "_default" : registry; }

Result<void> want_mirrors(std::vector<NodeChange>& changes, const HostView& view,
                          const std::map<std::string, std::vector<std::string>>& mirrors) {
    const Path folder = kCerts;
    std::set<std::string> wanted;
    for (const auto& [registry, urls] : mirrors) {
        const auto name = folder_of(registry);
        wanted.insert(name);
        NB_CHECK(want_file(changes, view, folder / name / "hosts.toml", make_hosts_toml(registry, urls)));
    }
    for (const auto& name : NB_TRY(view.list(folder))) {
        if (wanted.contains(name)) continue;
        const auto text = NB_TRY(view.read(folder / name / "hosts.toml"));
        if (text && text->starts_with(own_mark)) NB_CHECK(want_absent(changes, view, folder / name / "hosts.toml"));
    }
    return {};
}

// What does not go together, from containerd's RELEASES.md and kubelet's changes of CRI version.
Result<void> check_pair(const Version& containerd, const Version& kubernetes) {
    if (containerd.major >= 2 && !kubernetes.at_least(1, 26))
        return fail(ErrorKind::refused,
                    fmt::format("Kubernetes {} speaks CRI v1alpha2, which containerd {} no longer has",
                                kubernetes.text(), containerd.text()),
                    "use Kubernetes 1.26 or newer, or a containerd 1.x");
    if (containerd.major < 2 && kubernetes.at_least(1, 36))
        return fail(
            ErrorKind::refused,
            fmt::format("Kubernetes {} needs containerd 2.x (kubelet asks the runtime for its cgroup driver), "
                        "and this machine has {}",
                        kubernetes.text(), containerd.text()),
            "use a newer distribution, containerd.source = \"bundle\" with a containerd 2.x, or Kubernetes 1.35");
    return {};
}

class ContainerdSetup final : public NodePhase {
   public:
    ContainerdSetup(const Config& config, const Cri& cri, const Clock& clock)
        : config_(config), cri_(cri), clock_(clock) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        const auto file = NB_TRY(wanted_file(view));
        // A fragment of the user's may hold a registry's password, and only root and containerd read this file.
        const std::uint32_t mode = config_.containerd.extra_config.empty() ? 0644 : 0600;
        NB_CHECK(want_file(changes, view, kFile, file.text, {.mode = mode}));
        NB_CHECK(want_mirrors(changes, view, config_.containerd.registry_mirrors));
        NB_CHECK(want_file(
            changes, view, kCrictl,
            fmt::format("# Made by nodeboot\nruntime-endpoint: {0}\nimage-endpoint: {0}\ntimeout: 10\n", kCriSocket)));
        NB_CHECK(want_service(changes, view));
        return changes;
    }

    Result<void> verify(const HostView& view, StepContext& context) const override {
        const auto file = NB_TRY(wanted_file(view));
        const auto status = NB_TRY(wait_until_ready(context));
        if (status.systemd_cgroup && *status.systemd_cgroup != file.systemd_cgroup)
            return fail(ErrorKind::conflict,
                        fmt::format("containerd {} runs with SystemdCgroup = {}, and {} says {}",
                                    status.runtime_version, *status.systemd_cgroup, kFile, file.systemd_cgroup),
                        "look for another config (systemctl cat containerd; 'imports' in the file)");
        if (!status.sandbox_image.empty() && status.sandbox_image != file.sandbox_image)
            return fail(ErrorKind::conflict,
                        fmt::format("containerd {} uses the pause image {}, and {} says {}", status.runtime_version,
                                    status.sandbox_image, kFile, file.sandbox_image),
                        "look for another config (systemctl cat containerd; 'imports' in the file)");
        return {};
    }

    // A containerd that stays is left with the configuration that it had before; a bundle's is about to go.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_restored(changes, view, kFile));
        const auto state = NB_TRY(view.unit(kUnit));
        const auto unit = NB_TRY(view.read(kContainerdUnitFile));
        const bool bundled = unit && is_own(kContainerdUnitFile, *unit);
        if (bundled) {
            if (state.running()) changes.push_back({kUnit, "active", "stopped", Unit{UnitVerb::stop, kUnit}});
            if (state.enabled()) changes.push_back({kUnit, "enabled", "disabled", Unit{UnitVerb::disable, kUnit}});
        } else if (NB_TRY(outlived(changes, view, state, kFile, clock_))) {
            changes.push_back(
                {kUnit, "still works with nodeboot's config", "restarted", Unit{UnitVerb::restart, kUnit}});
        }
        for (const auto& registry : NB_TRY(view.list(kCerts))) {
            const Path file = Path(kCerts) / registry / "hosts.toml";
            NB_CHECK(want_restored(changes, view, file));
            NB_CHECK(want_no_empty_folder(changes, view, file.parent_path()));
        }
        NB_CHECK(want_no_empty_folder(changes, view, kCerts));
        NB_CHECK(want_restored(changes, view, kCrictl));
        // A containerd that stays would make its own again at the next start.
        if (bundled)
            for (const char* folder : kContainerdFolders) NB_CHECK(want_no_empty_folder(changes, view, folder));
        return changes;
    }

   private:
    Result<ContainerdFile> wanted_file(const HostView& view) const {
        const auto version = NB_TRY(containerd_version(view, cri_, clock_, config_.containerd.source));
        if (version) NB_CHECK(check_pair(*version, config_.kubernetes.version));
        return make_containerd_file(config_, version.value_or(kUnknown));
    }

    Result<void> want_service(std::vector<NodeChange>& changes, const HostView& view) const {
        const auto state = NB_TRY(view.unit(kUnit));
        if (NB_TRY(view.needs_reload(kUnit)))
            changes.push_back({"systemd", "has not read " + std::string(kUnit), "reloaded", DaemonReload{}});
        want_running(changes, kUnit, state);
        if (!state.running()) return {};
        const auto reason = NB_TRY(reason_to_restart(changes, view, state));
        if (!reason.empty()) changes.push_back({kUnit, reason, "restarted", Unit{UnitVerb::restart, kUnit}});
        return {};
    }

    Result<std::string> reason_to_restart(const std::vector<NodeChange>& changes, const HostView& view,
                                          const UnitState& state) const {
        if (writes(changes, kFile)) return std::string("runs with another config");
        if (NB_TRY(started_before_written(view, state, kFile, clock_)))
            return std::string("was started before its config was written");
        for (const auto* binary : {"/usr/bin/containerd", "/usr/local/bin/containerd"})
            if (NB_TRY(started_before_written(view, state, binary, clock_)))
                return std::string("was started before its binary was replaced");
        if (NB_TRY(started_before_own(view, state, kContainerdUnitFile, clock_)))
            return std::string("was started before its unit was written");
        return std::string();
    }

    Result<CriStatus> wait_until_ready(StepContext& context) const {
        constexpr Duration kPoll = std::chrono::milliseconds(100);
        for (;;) {
            auto status = cri_.status();
            if (status && status->runtime_ready) return status;
            if (context.deadline.passed(context.clock)) {
                if (!status)
                    return fail(std::move(std::move(status).error()).with_hint("see journalctl -u containerd"));
                return fail(ErrorKind::timeout, "containerd answers, but says that it is not ready",
                            "see journalctl -u containerd");
            }
            if (!status && status.error().kind != ErrorKind::unavailable && status.error().kind != ErrorKind::timeout)
                return fail(
                    std::move(std::move(status).error()).with_hint("is CRI disabled? see journalctl -u containerd"));
            NB_CHECK(context.clock.sleep(kPoll, context.stop));
        }
    }

    PhaseInfo info_{"containerd",
                    "containerd runs with the systemd cgroup driver, the right pause image and CNI folders",
                    {"containerd-install", "kernel-modules"},
                    std::chrono::minutes(2),
                    {kUnit}};
    const Config& config_;
    const Cri& cri_;
    const Clock& clock_;
};

}  // namespace

std::shared_ptr<const NodePhase> make_containerd_config_phase(const Config& config, const Cri& cri,
                                                              const Clock& clock) {
    return std::make_shared<ContainerdSetup>(config, cri, clock);
}

}  // namespace nodeboot
