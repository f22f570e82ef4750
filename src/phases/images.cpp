#include "phases/images.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "base/backoff.hpp"
#include "bundle/registry.hpp"
#include "phases/kubeadm.hpp"
#include "phases/membership.hpp"

namespace nodeboot {
namespace {

bool named(const std::string& reference, std::string_view name) {
    const auto slash = reference.rfind('/');
    const std::string_view last = std::string_view(reference).substr(slash == std::string::npos ? 0 : slash + 1);
    return last.starts_with(name) && last.substr(name.size()).starts_with(':');
}

bool control_planes_own(const std::string& reference) {
    return named(reference, "kube-apiserver") || named(reference, "kube-controller-manager") ||
           named(reference, "kube-scheduler") || named(reference, "etcd");
}

// CRI lists "docker.io/library/busybox:1" where a config may say "busybox:1".
std::set<std::string> normalised(const std::vector<std::string>& images) {
    std::set<std::string> names;
    for (const auto& image : images) names.insert(normalised_image(image));
    return names;
}

class Images final : public NodePhase {
   public:
    Images(const NodeServices& services, std::shared_ptr<const Bundle> bundle, Role role)
        : services_(services), bundle_(std::move(bundle)), role_(role) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        if (NB_TRY(is_member(view))) return changes;
        // Before containerd runs nothing is known of its images: the plan then says "all", not a list.
        const auto present = services_.cri.images();
        if (!present) {
            changes.push_back({"container images", "unknown", "present", ensure_all()});
            return changes;
        }
        const auto missing = NB_TRY(missing_images(view, *present));
        if (!missing.empty())
            changes.push_back({"container images", fmt::format("{} missing", missing.size()), "present", ensure_all()});
        return changes;
    }

   private:
    Result<bool> is_member(const HostView& view) const {
        if (role_ == Role::control_plane)
            return NB_TRY(view.stat("/etc/kubernetes/manifests/kube-apiserver.yaml")).has_value();
        return NB_TRY(membership(view)) == Membership::joined;
    }

    Result<std::vector<std::string>> missing_images(const HostView& view,
                                                    const std::vector<std::string>& present) const {
        const auto have = normalised(present);
        std::vector<std::string> missing;
        for (const auto& image : NB_TRY(wanted(view)))
            if (!have.contains(normalised_image(image))) missing.push_back(image);
        return missing;
    }

    // Asked for while looking, applying and looking again, and kubeadm takes its time: once for each kubeadm.
    Result<std::vector<std::string>> wanted(const HostView& view) const {
        const auto kubeadm = NB_TRY(installed_kubeadm(view));
        const std::lock_guard lock(mutex_);
        if (kubeadm != listed_by_ || !listed_by_) {
            listed_ = kubeadm ? NB_TRY(listed_by_kubeadm(view)) : std::vector<std::string>();
            listed_by_ = kubeadm;
        }
        auto all = images_for(role_, listed_);
        if (services_.config.flannel.enabled) {
            all.push_back(services_.config.flannel.image);
            all.push_back(services_.config.flannel.cni_image);
        }
        return all;
    }

    /// What tells one kubeadm from another: size and time of the file.
    using Identity = std::pair<std::uint64_t, WallTime>;
    static Result<std::optional<Identity>> installed_kubeadm(const HostView& view) {
        for (const char* path : {"/usr/local/bin/kubeadm", "/usr/bin/kubeadm"})
            if (const auto file = NB_TRY(view.stat(path))) return std::optional(Identity{file->size, file->modified});
        return std::optional<Identity>{};
    }

    Result<std::vector<std::string>> listed_by_kubeadm(const HostView& view) const {
        const auto version = NB_TRY(kubeadm_version(view));
        const auto listed = NB_TRY(
            view.query({.argv = {"kubeadm", "config", "images", "list", "--kubernetes-version", "v" + version.text(),
                                 "--image-repository", services_.config.kubernetes.image_repository}}));
        if (listed.exit_code != 0)
            return fail(ErrorKind::io,
                        fmt::format("'kubeadm config images list' exited with {}: {}", listed.exit_code, listed.err));
        std::vector<std::string> all;
        std::istringstream lines(listed.out);
        for (std::string line; std::getline(lines, line);)
            if (line.find('/') != std::string::npos && line.find(' ') == std::string::npos) all.push_back(line);
        return all;
    }

    Procedure ensure_all() const {
        return {"fetch container images", {}, [this](ActionContext& context) { return ensure(context); }};
    }

    Result<void> ensure(ActionContext& context) const {
        if (services_.config.kubernetes.source == Source::bundle) NB_CHECK(import_from_bundle(context));
        const auto missing = NB_TRY(missing_images(context.host, NB_TRY(services_.cri.images())));
        return pull_all(context, missing);
    }

    // Some at a time: a registry gives one download less than the network can take, and unpacking takes turns with it.
    Result<void> pull_all(ActionContext& context, const std::vector<std::string>& missing) const {
        constexpr std::size_t side_by_side = 3;
        std::mutex mutex;
        std::size_t next = 0;
        Result<void> outcome;
        const auto work = [&] {
            for (;;) {
                std::unique_lock lock(mutex);
                if (next == missing.size() || !outcome) return;
                const auto& image = missing[next++];
                context.step.progress(fmt::format("pulling {} ({} of {})", image, next, missing.size()));
                lock.unlock();
                if (auto pulled = pull(context, image); !pulled) {
                    lock.lock();
                    outcome = std::move(pulled);
                }
            }
        };
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < std::min(side_by_side, missing.size()); ++i) others.emplace_back(work);
        work();
        others.clear();  // joins
        return outcome;
    }

    Result<void> import_from_bundle(ActionContext& context) const {
        const auto manifest = NB_TRY(bundle_->verified(context));
        const auto present = NB_TRY(services_.cri.images());
        for (const auto& file : archives_to_import(role_, manifest, normalised(present))) {
            context.step.progress("importing " + file.path);
            NB_CHECK(run_checked(context.host, {.argv = {"ctr", "--namespace", "k8s.io", "images", "import",
                                                         (bundle_->folder() / file.path).string()},
                                                .timeout = std::chrono::minutes(5)}));
        }
        return {};
    }

    Result<void> pull(ActionContext& context, const std::string& image) const {
        RetryOptions options;
        options.deadline = context.step.deadline;
        options.stop = context.step.stop;
        options.on_new_error = [&](const Error& error, unsigned) {
            context.step.log.warning(fmt::format("pulling {}: {}; trying again", image, error.text()));
        };
        return retry(options, context.step.clock, [&] { return services_.cri.pull(image, std::chrono::minutes(5)); });
    }

    const NodeServices& services_;
    std::shared_ptr<const Bundle> bundle_;
    Role role_;
    mutable std::mutex mutex_;
    mutable std::optional<Identity> listed_by_;
    mutable std::vector<std::string> listed_;
    PhaseInfo info_{"images",
                    "container images of Kubernetes and flannel, before they are needed",
                    {"containerd", "kubernetes-packages"},
                    std::chrono::minutes(20)};
};

}  // namespace

std::vector<std::string> images_for(Role role, const std::vector<std::string>& all) {
    if (role == Role::control_plane) return all;
    std::vector<std::string> out;
    for (const auto& image : all)
        if (named(image, "kube-proxy") || named(image, "pause") || named(image, "coredns")) out.push_back(image);
    return out;
}

std::vector<BundleFile> archives_to_import(Role role, const BundleManifest& manifest,
                                           const std::set<std::string>& present) {
    const auto needless = [&](const std::string& ref) {
        return present.contains(normalised_image(ref)) || (role == Role::worker && control_planes_own(ref));
    };
    std::vector<BundleFile> out;
    for (const auto& file : manifest.files)
        if (file.kind == BundleKind::image &&
            (file.refs.empty() || !std::all_of(file.refs.begin(), file.refs.end(), needless)))
            out.push_back(file);
    return out;
}

std::shared_ptr<const NodePhase> make_images_phase(const NodeServices& services, std::shared_ptr<const Bundle> bundle,
                                                   Role role) {
    return std::make_shared<Images>(services, std::move(bundle), role);
}

}  // namespace nodeboot
