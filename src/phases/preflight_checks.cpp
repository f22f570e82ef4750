#include "phases/preflight_checks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

using Findings = PreflightFindings;
using Machine = PreflightMachine;

std::optional<std::uint64_t> number(std::string_view text) {
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{}) return std::nullopt;
    return value;
}

Result<std::string> read_trimmed(const HostView& view, const Path& path) {
    const auto text = NB_TRY(view.read(path)).value_or("");
    return std::string(trim(text));
}

Result<Findings> check_root(const Machine& machine) {
    const auto status = NB_TRY(machine.view.read("/proc/self/status")).value_or("");
    for (const auto line : lines_of(status)) {
        if (!line.starts_with("Uid:")) continue;  // Uid: real effective saved filesystem
        const auto words = words_of(line);
        if (words.size() >= 3 && words[2] != "0")
            return Findings{
                {.what = fmt::format("running as user {}, not as root", words[2]), .hint = "run it with sudo"}};
    }
    return Findings{};
}

Result<Findings> check_os(const Machine& machine) {
    const auto release = NB_TRY(machine.view.read("/etc/os-release")).value_or("");
    const auto id = value_of(release, "ID"), version = value_of(release, "VERSION_ID");
    constexpr std::array<std::pair<std::string_view, std::string_view>, 5> known{
        {{"debian", "12"}, {"debian", "13"}, {"ubuntu", "22.04"}, {"ubuntu", "24.04"}, {"amzn", "2023"}}};
    if (std::find(known.begin(), known.end(), std::pair(id, version)) != known.end()) return Findings{};
    const auto name = value_of(release, "PRETTY_NAME");
    return Findings{{.fatal = false,
                     .what = fmt::format("{} is not among the systems that nodeboot is tried on",
                                         name.empty() ? "a system without /etc/os-release" : std::string(name)),
                     .hint = "these are Debian 12 and 13, Ubuntu 22.04 and 24.04, Amazon Linux 2023"}};
}

Result<Findings> check_architecture(const Machine& machine) {
    // Since Linux 6.1; where it is absent, that this 64-bit program runs says enough.
    const auto arch = NB_TRY(read_trimmed(machine.view, "/proc/sys/kernel/arch"));
    if (arch.empty() || arch == "x86_64" || arch == "aarch64") return Findings{};
    return Findings{
        {.what = fmt::format("the processor is {}", arch), .hint = "Kubernetes is built for x86_64 and aarch64"}};
}

Result<Findings> check_kernel(const Machine& machine) {
    const auto release = NB_TRY(read_trimmed(machine.view, "/proc/sys/kernel/osrelease"));
    const auto version = parse_version(release);
    if (release.empty() || (version && version->at_least(4, 19))) return Findings{};
    return Findings{
        {.what = fmt::format("the kernel is {}; kubelet needs 4.19 or newer", release), .hint = "use a newer image"}};
}

// "0-3,5" → 5 processors.
unsigned count_processors(std::string_view list) {
    unsigned count = 0;
    for (const auto part : parts_of(list, ',')) {
        const auto dash = part.find('-');
        const auto first = number(part), last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
        if (first && last && *last >= *first) count += static_cast<unsigned>(*last - *first + 1);
    }
    return count;
}

Result<Findings> check_cpu(const Machine& machine) {
    const auto count = count_processors(NB_TRY(read_trimmed(machine.view, "/sys/devices/system/cpu/online")));
    const bool control_plane = machine.config.node.role == Role::control_plane;
    const unsigned wanted = machine.config.host.min_cpus != 0 ? machine.config.host.min_cpus : control_plane ? 2 : 1;
    if (count == 0 || count >= wanted) return Findings{};  // 0: no /sys, as in some containers
    return Findings{{.what = fmt::format("{} processor{}, {} wanted", count, count == 1 ? "" : "s", wanted),
                     .hint = "use a larger instance type, or set host.min_cpus"}};
}

Result<Findings> check_memory(const Machine& machine) {
    const auto meminfo = NB_TRY(machine.view.read("/proc/meminfo")).value_or("");
    const bool control_plane = machine.config.node.role == Role::control_plane;
    const std::uint64_t wanted = machine.config.host.min_memory_mib != 0 ? machine.config.host.min_memory_mib
                                 : control_plane                         ? 1700
                                                                         : 900;
    for (const auto line : lines_of(meminfo)) {
        if (!line.starts_with("MemTotal:")) continue;  // MemTotal:        8024524 kB
        const auto words = words_of(line);
        if (words.size() < 2) continue;
        const auto total = number(words[1]).value_or(0) / 1024;
        if (total >= wanted) return Findings{};
        return Findings{{.what = fmt::format("{} MiB of memory, {} wanted", total, wanted),
                         .hint = "use a larger instance type, or set host.min_memory_mib"}};
    }
    return Findings{};
}

Result<Findings> check_disk(const Machine& machine) {
    if (machine.member) return Findings{};  // images and pods use it now; kubelet evicts when it runs short
    constexpr std::uint64_t kGib = std::uint64_t{1} << 30;
    const auto space = NB_TRY(machine.view.space("/var/lib"));
    if (space.free >= machine.config.host.min_disk_gib * kGib) return Findings{};
    return Findings{{.what = fmt::format("{:.1f} GiB free under /var/lib, {} wanted",
                                         static_cast<double>(space.free) / static_cast<double>(kGib),
                                         machine.config.host.min_disk_gib),
                     .hint = "use a larger volume, or set host.min_disk_gib"}};
}

Result<Findings> check_cgroup(const Machine& machine) {
    // The unified hierarchy has this file at its root (Documentation/admin-guide/cgroup-v2.rst).
    if (NB_TRY(machine.view.stat("/sys/fs/cgroup/cgroup.controllers"))) return Findings{};
    if (!NB_TRY(machine.view.stat("/sys/fs/cgroup"))) return Findings{};
    const auto& version = machine.config.kubernetes.version;
    const bool refused = version.at_least(1, 35);
    return Findings{
        {.fatal = refused,
         .what = fmt::format("cgroup v1 is in use{}",
                             refused ? fmt::format(", which kubelet {} refuses", version.minor_text())
                                     : std::string(", which kubelet refuses from 1.35 on")),
         // kubelet's own way out (failCgroupV1) is no flag, and no key of nodeboot's sets it.
         .hint = refused ? "boot with systemd.unified_cgroup_hierarchy=1, or set kubernetes.version to 1.34 or older"
                         : "boot with systemd.unified_cgroup_hierarchy=1"}};
}

Result<Findings> check_clock(const Machine& machine) {
    // Not before this program was written: an instance whose clock was never set starts in 1970 or at the image's date.
    constexpr std::chrono::sys_days kWritten{std::chrono::year{2026} / 1 / 1};
    if (machine.now >= kWritten) return Findings{};
    return Findings{
        {.what = fmt::format("the clock says {}", format_rfc3339(machine.now)),
         .hint = "set it (chronyc makestep, or timedatectl set-time): certificates made now would be wrong"}};
}

Result<Findings> check_hostname(const Machine& machine) {
    const auto live = NB_TRY(read_trimmed(machine.view, "/proc/sys/kernel/hostname"));
    if (const auto& name = machine.config.node.name; !name.empty()) {
        const auto flaw = node_name_flaw(name);
        if (flaw.empty()) return Findings{};
        return Findings{
            {.what = fmt::format("node.name '{}' cannot be a node's name: {}", name, flaw), .hint = "see RFC 1123"}};
    }
    if (const auto name = settled_node_name(machine.config, machine.view); !name)
        return Findings{{.what = name.error().message, .hint = name.error().hint}};
    // Two Node objects would be made if it changed between now and the next boot (talos#5834).
    auto stored = NB_TRY(read_trimmed(machine.view, "/etc/hostname"));
    for (const auto line : lines_of(std::string(stored)))
        if (const auto word = trim(line); !word.empty() && !word.starts_with('#')) {
            if (word == live) return Findings{};
            return Findings{{.what = fmt::format(
                                 "the hostname is '{}' now, and '{}' after the next boot (/etc/hostname)", live, word),
                             .hint = "make them the same (hostnamectl set-hostname), or set node.name"}};
        }
    return Findings{};
}

// "    server: https://10.0.0.10:6443" → "10.0.0.10:6443".
std::string server_of(std::string_view kubeconfig) {
    for (const auto line : lines_of(kubeconfig)) {
        const auto words = words_of(line);
        if (words.size() == 2 && words[0] == "server:" && words[1].starts_with("https://"))
            return std::string(words[1].substr(8));
    }
    return {};
}

Result<Findings> check_other_cluster(const Machine& machine) {
    Findings findings;
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> others{
        {{"/etc/rancher/k3s/k3s.yaml", "k3s"},
         {"/etc/rancher/rke2/rke2.yaml", "rke2"},
         {"/var/lib/k0s/kubelet.conf", "k0s"},
         {"/var/snap/microk8s/current", "microk8s"}}};
    for (const auto& [path, name] : others)
        if (NB_TRY(machine.view.stat(path)))
            findings.push_back({.what = fmt::format("{} is installed here ({})", name, path),
                                .hint = "take it off, or use another machine"});
    if (machine.config.node.role == Role::control_plane) return findings;  // its kubelet may ask its own API server

    if (NB_TRY(machine.view.stat("/etc/kubernetes/manifests/kube-apiserver.yaml")))
        findings.push_back({.what = "node.role is \"worker\", and this machine runs a control plane",
                            .hint = "correct node.role; or 'nodeboot node reset' first, if its cluster may go"});
    const auto kubelet = NB_TRY(machine.view.read("/etc/kubernetes/kubelet.conf"));
    std::string wanted = machine.config.network.endpoint;
    if (!kubelet || wanted.empty()) return findings;
    if (wanted.find(':') == std::string::npos) wanted += fmt::format(":{}", machine.config.network.api_port);
    if (const auto server = server_of(*kubelet); !server.empty() && server != wanted)
        findings.push_back(
            {.what = fmt::format("this machine is in another cluster: its kubelet asks {}, and network.endpoint is {}",
                                 server, wanted),
             .hint = "'nodeboot node reset' takes it out of that cluster"});
    return findings;
}

}  // namespace

const std::vector<PreflightCheck>& preflight_checks() {
    static const std::vector<PreflightCheck> checks{
        {"root", check_root},
        {"os", check_os},
        {"architecture", check_architecture},
        {"kernel", check_kernel},
        {"cpu", check_cpu},
        {"memory", check_memory},
        {"disk", check_disk},
        {"ports", check_ports},
        {"cgroup", check_cgroup},
        {"clock", check_clock},
        {"hostname", check_hostname},
        {"other-cluster", check_other_cluster},
    };
    return checks;
}

const std::vector<std::string>& preflight_check_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> all;
        for (const auto& check : preflight_checks()) all.push_back(check.name);
        return all;
    }();
    return names;
}

Result<std::vector<PreflightProblem>> find_preflight_problems(const Config& config, const HostView& view,
                                                              const Clock& clock) {
    const PreflightMachine machine{config, view, clock.wall(), NB_TRY(is_cluster_member(view))};
    const auto& ignored = config.host.ignore_preflight;
    std::vector<PreflightProblem> problems;
    for (const auto& check : preflight_checks()) {
        if (std::find(ignored.begin(), ignored.end(), check.name) != ignored.end()) continue;
        for (auto& problem : NB_TRY_CONTEXT(check.find(machine), "preflight check " + check.name)) {
            problem.check = check.name;
            problems.push_back(std::move(problem));
        }
    }
    return problems;
}

}  // namespace nodeboot
