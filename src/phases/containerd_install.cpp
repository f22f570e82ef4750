#include "phases/containerd_install.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/lines.hpp"
#include "phases/staleness.hpp"
#include "system/apt.hpp"
#include "system/dnf.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kUnit = "containerd.service";

// As containerd's own unit: pods survive its restart (KillMode), it may hold many files, it is killed late.
constexpr auto kUnitText = R"(# Made by nodeboot for the containerd of its bundle.
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target dbus.service

[Service]
ExecStart=/usr/local/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=1048576
TasksMax=infinity
OOMScoreAdjust=-999

[Install]
WantedBy=multi-user.target
)";

// Where distributions and people put programs.
constexpr std::array kFolders{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin"};

Result<std::optional<Path>> find_program(const HostView& view, const std::string& name) {
    for (const Path folder : kFolders)
        if (NB_TRY(view.stat(folder / name))) return std::optional(folder / name);
    return std::optional<Path>{};
}

Result<std::vector<std::string>> missing_programs(const HostView& view, const std::vector<std::string>& names) {
    std::vector<std::string> missing;
    for (const auto& name : names)
        if (!NB_TRY(find_program(view, name))) missing.push_back(name);
    return missing;
}

// The bridge and portmap plugins run iptables on the machine itself, and kubeadm refuses to work without it.
const std::vector<std::string> kHelpers{"iptables"};

Result<void> plan_apt(std::vector<NodeChange>& changes, const HostView& view) {
    InstallRequest request;
    const auto status = NB_TRY(read_dpkg_status(view));
    // Docker's package of the same program brings its own runc and refuses to stand beside the distribution's.
    if (!status.find("containerd.io").installed) request.packages = {{"containerd", ""}, {"runc", ""}};
    for (const auto* name : {"iptables", "conntrack", "ca-certificates"}) request.packages.push_back({name, ""});
    return want_packages(changes, view, std::move(request));
}

Result<void> plan_dnf(std::vector<NodeChange>& changes, const HostView& view) {
    const std::array<std::pair<std::string, std::string>, 4> wanted{{{"containerd", "containerd"},
                                                                     {"runc", "runc"},
                                                                     {"iptables", "iptables-nft"},
                                                                     {"conntrack", "conntrack-tools"}}};
    DnfRequest request;
    for (const auto& [program, package] : wanted)
        if (!NB_TRY(find_program(view, program))) request.packages.push_back(package);
    if (request.packages.empty()) return {};
    const std::string subject = "packages " + join(request.packages, ", ");
    changes.push_back({subject, "absent", "installed", install_rpms(std::move(request))});
    return {};
}

Result<void> plan_distribution(std::vector<NodeChange>& changes, const HostView& view) {
    if (NB_TRY(view.stat("/usr/bin/apt-get"))) return plan_apt(changes, view);
    if (NB_TRY(has_dnf(view))) return plan_dnf(changes, view);
    return fail(ErrorKind::refused,
                "containerd.source is \"distribution\", and this machine has neither apt-get nor dnf",
                "set containerd.source to \"bundle\" or \"preinstalled\"");
}

Result<void> want_present(const HostView& view, const std::vector<std::string>& programs, const std::string& source) {
    const auto missing = NB_TRY(missing_programs(view, programs));
    if (missing.empty()) return {};
    return fail(ErrorKind::not_found,
                fmt::format("containerd.source is \"{}\", and this machine has no {}", source, join(missing, ", ")),
                "install it in the image, or set containerd.source to \"distribution\"");
}

// systemd takes a unit from these folders before the package's (systemd.unit(5)): from the first, a bundle's; the second
// is where containerd's own guide puts it. What it starts need not be what dpkg knows.
struct OwnUnit {
    Path file;
    Path program;
};

/// `first`: of those files what kContainerdUnitFile holds.
Result<std::optional<OwnUnit>> program_of_own_unit(const HostView& view, const std::optional<std::string>& first) {
    for (const Path file : {kContainerdUnitFile, "/usr/local/lib/systemd/system/containerd.service"}) {
        const auto text = file == kContainerdUnitFile ? first : NB_TRY(view.read(file));
        if (!text) continue;
        for (const auto line : lines_of(*text)) {
            constexpr std::string_view key = "ExecStart=";
            if (!line.starts_with(key) || line.size() == key.size()) continue;
            auto program = words_of(line.substr(key.size())).at(0);
            program.remove_prefix(std::min(program.find('/'), program.size()));  // "@", "-", "+" … before it
            if (program == "/usr/bin/containerd") return std::optional<OwnUnit>{};
            return std::optional(OwnUnit{file, Path(program)});
        }
        return std::optional<OwnUnit>{};
    }
    return std::optional<OwnUnit>{};
}

Result<bool> daemon_is_older(const HostView& view, const OwnUnit& own, const Clock& clock) {
    const auto state = NB_TRY(view.unit(kUnit));
    return NB_TRY(started_before_written(view, state, own.file, clock)) ||
           NB_TRY(started_before_written(view, state, own.program, clock));
}

Result<std::optional<Version>> version_said_by(const HostView& view, const Path& program) {
    const auto output =
        NB_TRY(view.query({.argv = {program.string(), "--version"}, .timeout = std::chrono::seconds(10)}));
    // "containerd github.com/containerd/containerd v1.7.24 88bf19b2105c8b17560993bee28a01ddc2f97182"
    for (const auto word : words_of(output.out))
        if (const auto version = parse_version(word); version && word.find('.') != std::string_view::npos)
            return std::optional(*version);
    return fail(ErrorKind::corrupted,
                fmt::format("'{} --version' does not say its version: {}{}", program.string(), trim(output.out),
                            trim(output.err)),
                "is it containerd? Take it away, or put the right one there");
}

class ContainerdInstall final : public NodePhase {
   public:
    ContainerdInstall(const Config& config, ContainerdBundle bundle)
        : source_(config.containerd.source), bundle_(std::move(bundle)) {
        if (source_ == ContainerdSource::bundle) info_.needs.emplace_back("bundle");
    }

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        switch (source_) {
            case ContainerdSource::distribution: NB_CHECK(plan_distribution(changes, view)); break;
            case ContainerdSource::bundle: NB_CHECK(plan_bundle(changes, view)); break;
            case ContainerdSource::preinstalled: {
                auto programs = kHelpers;
                programs.insert(programs.begin(), {"containerd", "runc"});
                NB_CHECK(want_present(view, programs, "preinstalled"));
                break;
            }
        }
        return changes;
    }

    // Packages stay; so does a containerd that somebody else brought.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_restored(changes, view, kContainerdUnitFile));
        if (!changes.empty() || NB_TRY(view.needs_reload(kUnit)))
            changes.push_back({"systemd", "older than the unit files", "as on disk", DaemonReload{}});
        if (bundle_.remove) NB_CHECK(bundle_.remove(changes, view));
        return changes;
    }

   private:
    Result<void> plan_bundle(std::vector<NodeChange>& changes, const HostView& view) const {
        if (!bundle_.install)
            return fail(ErrorKind::invalid_input, "containerd.source is \"bundle\", and no bundle is configured",
                        "set kubernetes.bundle to its path");
        NB_CHECK(want_present(view, kHelpers, "bundle"));
        NB_CHECK(bundle_.install(changes, view));
        NB_CHECK(want_file(changes, view, kContainerdUnitFile, kUnitText));
        if (writes(changes, kContainerdUnitFile) || NB_TRY(view.needs_reload(kUnit)))
            changes.push_back(
                {"systemd", "has not read " + std::string(kContainerdUnitFile), "reloaded", DaemonReload{}});
        return {};
    }

    PhaseInfo info_{"containerd-install",
                    "containerd and runc are on the machine",
                    {"preflight", "dns", "bundle"},
                    std::chrono::minutes(15)};
    ContainerdSource source_;
    ContainerdBundle bundle_;
};

}  // namespace

Result<std::optional<Version>> containerd_version(const HostView& view, const Cri& cri, const Clock& clock,
                                                  ContainerdSource source) {
    const auto unit = NB_TRY(view.read(kContainerdUnitFile));
    const bool bundle_comes = source == ContainerdSource::bundle && !(unit && is_own(kContainerdUnitFile, *unit));
    if (bundle_comes) return std::optional<Version>{};
    const auto own = NB_TRY(program_of_own_unit(view, unit));
    if (!own) {
        const auto status = NB_TRY(read_dpkg_status(view));
        for (const auto* name : {"containerd", "containerd.io"})
            if (const auto state = status.find(name); !state.version.empty())
                if (const auto version = parse_version(state.version)) return std::optional(*version);
    }
    // What runs was perhaps started from another program: the package's, or the one that was there before. A program
    // that does not say is a damaged one, which containerd-install replaces first.
    if (own && NB_TRY(daemon_is_older(view, *own, clock)))
        if (const auto said = version_said_by(view, own->program)) return said;
    if (const auto running = cri.status(); running && running->runtime_name == "containerd")
        if (const auto version = parse_version(running->runtime_version)) return std::optional(*version);
    const auto program = own ? std::optional(own->program) : NB_TRY(find_program(view, "containerd"));
    if (!program || !NB_TRY(view.stat(*program))) return std::optional<Version>{};
    return version_said_by(view, *program);
}

std::shared_ptr<const NodePhase> make_containerd_install_phase(const Config& config, ContainerdBundle bundle) {
    return std::make_shared<ContainerdInstall>(config, std::move(bundle));
}

}  // namespace nodeboot
