#include "phases/kubernetes_packages.hpp"

#include <fmt/core.h>

#include "base/backoff.hpp"
#include "net/http.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubernetes_rpms.hpp"
#include "phases/membership.hpp"
#include "system/apt.hpp"
#include "system/dnf.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* key_file = "/etc/apt/keyrings/nodeboot-kubernetes.asc";
constexpr const char* sources_file = "/etc/apt/sources.list.d/nodeboot-kubernetes.sources";
constexpr const char* pin_file = "/etc/apt/preferences.d/nodeboot-kubernetes";
const std::vector<std::string> held = {"kubelet", "kubeadm", "kubectl"};

// What kubelet, kube-proxy and flannel call; recent kubeadm versions no longer check for them.
constexpr const char* helper_programs[] = {"iptables", "conntrack"};

std::string sources_text(const Config& config) {
    return fmt::format("# Made by nodeboot; edits are lost.\nTypes: deb\nURIs: {}\nSuites: /\nSigned-By: {}\n",
                       repository_url(config.kubernetes), key_file);
}

// "1.35" means the minor, "1.35.2" the patch.
std::string version_pattern(const Version& version) { return version.text() + (version.patch ? "-*" : ".*"); }

// Above 1000, so that a newer version that is there already gives way.
std::string pin_text(const Version& version) {
    return fmt::format(
        "# Made by nodeboot; edits are lost.\nPackage: kubelet kubeadm kubectl\nPin: version {}\nPin-Priority: 1001\n",
        version_pattern(version));
}

bool has_suitable(const PackageState& package, const Version& wanted) {
    const auto version = parse_version(package.version);
    return package.installed && version && suits(*version, wanted);
}

// "Kubernetes v1.35.2" and "v1.35.2"; empty where the program does not run.
std::optional<Version> version_of(const HostView& view, std::vector<std::string> argv) {
    const auto output = view.query({.argv = std::move(argv)});
    if (!output || output->exit_code != 0) return std::nullopt;
    const std::string line = output->out.substr(0, output->out.find('\n'));
    const auto version = parse_version(line.substr(line.rfind(' ') + 1));
    return version ? std::optional(*version) : std::nullopt;
}

class KubernetesPackages final : public NodePhase {
   public:
    KubernetesPackages(const NodeServices& services, std::shared_ptr<const Bundle> bundle)
        : services_(services), bundle_(std::move(bundle)) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        switch (services_.config.kubernetes.source) {
            case Source::repository: NB_CHECK(plan_repository(changes, view)); break;
            case Source::bundle: NB_CHECK(plan_bundle(changes, view)); break;
            case Source::preinstalled: NB_CHECK(find_programs(view, {"kubeadm", "kubelet", "kubectl"})); break;
        }
        return changes;
    }

    Result<void> verify(const HostView& view, StepContext&) const override {
        if (services_.config.kubernetes.source == Source::preinstalled)
            NB_CHECK(check_preinstalled(view, services_.config.kubernetes.version));
        return find_programs(view, {helper_programs[0], helper_programs[1]});
    }

    // The packages stay, free to be upgraded or removed. The files tell whose the hold is, so they go after it.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (NB_TRY(view.stat(sources_file))) NB_CHECK(want_not_held(changes, view, held));
        NB_CHECK(want_absent(changes, view, key_file));
        NB_CHECK(want_restored(changes, view, pin_file));
        NB_CHECK(want_restored(changes, view, sources_file));
        NB_CHECK(want_restored(changes, view, kubernetes_repository_file));
        NB_CHECK(bundle_->want_removed(changes, view, BundleKind::binary));
        NB_CHECK(bundle_->want_removed(changes, view, BundleKind::cni));
        for (const char* folder : {"/opt/cni/bin", "/opt/cni"}) NB_CHECK(want_no_empty_folder(changes, view, folder));
        return changes;
    }

   private:
    Result<void> plan_repository(std::vector<NodeChange>& changes, const HostView& view) const {
        if (NB_TRY(has_dnf(view))) return want_kubernetes_rpms(changes, view, services_.config.kubernetes);
        const auto& wanted = services_.config.kubernetes.version;
        const DpkgStatus status = NB_TRY(read_dpkg_status(view));
        bool wrong_version = false, missing = false;
        for (const auto& name : held) {
            const PackageState package = status.find(name);
            if (!package.installed) {
                missing = true;
            } else if (!has_suitable(package, wanted)) {
                NB_CHECK(
                    refuse_for_member(view, name + " " + package.version, "kubernetes.version is " + wanted.text()));
                wrong_version = true;
            }
        }
        NB_CHECK(want_key(changes, view, missing || wrong_version));
        NB_CHECK(want_file(changes, view, sources_file, sources_text(services_.config)));
        NB_CHECK(want_file(changes, view, pin_file, pin_text(wanted)));
        return want_installed(changes, view, status, wrong_version);
    }

    Result<void> want_installed(std::vector<NodeChange>& changes, const HostView& view, const DpkgStatus& status,
                                bool wrong_version) const {
        const auto& wanted = services_.config.kubernetes.version;
        InstallRequest request;
        request.refresh_first = true;
        // A pin that nothing matches is no error to apt: it would take the newest. A version that it cannot find is one.
        for (const auto& name : held)
            request.packages.push_back({name, has_suitable(status.find(name), wanted) ? "" : version_pattern(wanted)});
        for (const char* name : helper_programs) request.packages.push_back({name, ""});
        if (wrong_version) {
            request.may_downgrade = request.may_change_held = true;
            changes.push_back(
                {"kubelet", status.find("kubelet").version, "the pinned version", install_packages(request)});
        } else {
            NB_CHECK(want_packages(changes, view, request));
        }
        return want_held(changes, view, held);
    }

    Result<void> plan_bundle(std::vector<NodeChange>& changes, const HostView& view) const {
        std::vector<NodeChange> binaries;
        NB_CHECK(bundle_->want_installed(binaries, view, BundleKind::binary));
        if (const auto manifest = NB_TRY(bundle_->manifest(view)); manifest && !binaries.empty())
            NB_CHECK(refuse_another_version(view, manifest->kubernetes));
        changes.insert(changes.end(), binaries.begin(), binaries.end());
        return bundle_->want_installed(changes, view, BundleKind::cni);
    }

    // What does not run any longer says no version, and is mended.
    Result<void> refuse_another_version(const HostView& view, const Version& bundled) const {
        if (!NB_TRY(is_member(view))) return {};
        for (const auto& argv : {std::vector<std::string>{"/usr/bin/kubelet", "--version"},
                                 std::vector<std::string>{"/usr/bin/kubeadm", "version", "-o", "short"}}) {
            if (!NB_TRY(view.stat(argv.front()))) continue;
            if (const auto there = version_of(view, argv); there && *there != bundled)
                NB_CHECK(refuse_for_member(view, Path(argv.front()).filename().string() + " " + there->text(),
                                           "the bundle holds " + bundled.text()));
        }
        return {};
    }

    Result<void> refuse_for_member(const HostView& view, const std::string& installed, const std::string& but) const {
        if (!NB_TRY(is_member(view))) return {};
        return fail(ErrorKind::refused,
                    fmt::format("{} is installed and this machine is in a cluster, but {}", installed, but),
                    "upgrade with kubeadm (kubernetes.io, 'Upgrading kubeadm clusters'), or put the version back");
    }

    static Result<void> check_preinstalled(const HostView& view, const Version& wanted) {
        const Version there = NB_TRY(kubeadm_version(view));
        if (suits(there, wanted)) return {};
        return fail(ErrorKind::refused,
                    fmt::format("kubeadm {} is installed on this machine, but kubernetes.version is {}", there.text(),
                                wanted.text()),
                    fmt::format("set kubernetes.version to \"{}\", or choose another image or kubernetes.source",
                                there.minor_text()));
    }

    Result<bool> is_member(const HostView& view) const {
        return NB_TRY(view.stat("/etc/kubernetes/manifests/kube-apiserver.yaml")).has_value() ||
               NB_TRY(membership(view)) == Membership::joined;
    }

    // The repository's key has expired once (kubernetes/release#3818): an image baked with the old one gets the new
    // one before it installs anything.
    Result<void> want_key(std::vector<NodeChange>& changes, const HostView& view, bool will_install) const {
        const auto text = NB_TRY(view.read(key_file));
        const auto info = NB_TRY(view.stat(key_file));
        const bool good = text && text->starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----");
        const bool old = info && services_.clock.wall() - info->modified > std::chrono::hours(24);
        if (good && !(will_install && old)) return {};
        changes.push_back({key_file,
                           good   ? "more than a day old"
                           : text ? "not a key"
                                  : "absent",
                           "the repository's key",
                           Procedure{"fetch signing key", {key_url()}, [this](ActionContext& context) {
                                         return fetch_key(context);
                                     }}});
        return {};
    }

    std::string key_url() const {
        const auto& config = services_.config.kubernetes;
        if (!config.repository_key.empty()) return config.repository_key;
        const std::string base = repository_url(config);
        return base + (base.ends_with('/') ? "" : "/") + "Release.key";
    }

    Result<void> fetch_key(ActionContext& context) const {
        std::string text;
        if (const std::string url = key_url(); url.starts_with('/'))
            text = NB_TRY(context.host.read(url)).value_or("");
        else
            text = NB_TRY(download(context, url));
        if (!text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
            return fail(ErrorKind::corrupted, fmt::format("{} is not an armoured OpenPGP key", key_url()),
                        "check kubernetes.repository_url and kubernetes.repository_key");
        return context.host.write(key_file, text, {0644, 0, 0});
    }

    Result<std::string> download(ActionContext& context, const std::string& url) const {
        RetryOptions options;
        options.deadline = context.step.deadline;
        options.stop = context.step.stop;
        options.on_new_error = [&](const Error& error, unsigned) {
            context.step.log.warning(fmt::format("{}; trying again", error.text()));
        };
        const HttpRequest request{.url = url, .max_body = 1U << 20};
        return retry(options, context.step.clock, [&]() -> Result<std::string> {
            auto response = NB_TRY(services_.http.send(request, context.step.stop));
            if (!response.ok()) return fail(status_error(request, response));
            return std::move(response.body);
        });
    }

    static Result<void> find_programs(const HostView& view, const std::vector<std::string>& names) {
        std::string missing;
        for (const auto& name : names) {
            bool found = false;
            for (const char* folder : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
                found = found || NB_TRY(view.stat(Path(folder) / name));
            if (!found) missing += (missing.empty() ? "" : ", ") + name;
        }
        if (missing.empty()) return {};
        return fail(ErrorKind::not_found, fmt::format("not installed on this machine: {}", missing),
                    "install them, or choose another kubernetes.source");
    }

    const NodeServices& services_;
    std::shared_ptr<const Bundle> bundle_;
    PhaseInfo info_{"kubernetes-packages",
                    "kubeadm, kubelet, kubectl and CNI plugins, pinned and held",
                    {"preflight", "dns", "bundle", "containerd-install"},
                    std::chrono::minutes(20)};
};

}  // namespace

std::string repository_url(const KubernetesConfig& config) {
    std::string url = config.repository_url;
    if (const auto at = url.find("{minor}"); at != std::string::npos) url.replace(at, 7, config.version.minor_text());
    return url;
}

std::shared_ptr<const NodePhase> make_kubernetes_packages_phase(const NodeServices& services,
                                                                std::shared_ptr<const Bundle> bundle) {
    return std::make_shared<KubernetesPackages>(services, std::move(bundle));
}

}  // namespace nodeboot
