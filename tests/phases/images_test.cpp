#include "phases/images.hpp"

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <set>

#include "phases/expect_plan.hpp"

namespace nodeboot {
namespace {

using ::testing::Contains;
using testing::FakeNode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::planned;
using ::testing::UnorderedElementsAreArray;

BundleFile image(const std::string& path, std::vector<std::string> refs) {
    return {.path = path, .kind = BundleKind::image, .sha256 = {}, .size = 1, .mode = 0644, .refs = std::move(refs)};
}

std::vector<std::string> imported(Role role, const std::set<std::string>& present) {
    BundleManifest manifest;
    manifest.files = {
        {.path = "bin/kubelet", .kind = BundleKind::binary, .sha256 = {}, .size = 1, .mode = 0755, .refs = {}},
        image("images/apiserver.tar", {"r/kube-apiserver:v1.36.0"}),
        image("images/etcd.tar", {"r/etcd:3.6.8-0"}),
        image("images/proxy.tar", {"r/kube-proxy:v1.36.0"}),
        image("images/both.tar", {"r/kube-scheduler:v1.36.0", "r/pause:3.10"}),
        image("images/site.tar", {"registry.example/agent:1"}),
        image("images/unnamed.tar", {}),
    };
    std::vector<std::string> paths;
    std::set<std::string> listed;  // as CRI does
    for (const auto& ref : present) listed.insert("docker.io/" + ref);
    for (const auto& file : archives_to_import(role, manifest, listed)) paths.push_back(file.path);
    return paths;
}

TEST(ArchivesToImport, a_control_plane_takes_every_image_that_is_not_there_yet) {
    EXPECT_EQ(imported(Role::control_plane, {"r/etcd:3.6.8-0"}),
              (std::vector<std::string>{"images/apiserver.tar", "images/proxy.tar", "images/both.tar",
                                        "images/site.tar", "images/unnamed.tar"}));
}

TEST(ArchivesToImport, a_worker_leaves_out_what_only_a_control_plane_runs) {
    EXPECT_EQ(imported(Role::worker, {}), (std::vector<std::string>{"images/proxy.tar", "images/both.tar",
                                                                    "images/site.tar", "images/unnamed.tar"}));
    EXPECT_EQ(imported(Role::worker, {"r/pause:3.10", "r/kube-proxy:v1.36.0"}),
              (std::vector<std::string>{"images/site.tar", "images/unnamed.tar"}));
}

// Images are pulled side by side, so that this one locks.
class Registry final : public Cri {
   public:
    std::vector<std::string> pulled;
    std::set<std::string> unreachable;
    std::map<std::string, std::string> stored_as;  ///< what containerd makes of a reference
    Result<CriStatus> status() const override { return CriStatus{}; }
    Result<std::vector<std::string>> images() const override {
        const std::lock_guard lock(mutex_);
        return pulled;
    }
    Result<void> pull(const std::string& reference, Duration) override {
        const std::lock_guard lock(mutex_);
        if (unreachable.contains(reference)) return fail(ErrorKind::not_found, reference + ": not found");
        const auto stored = stored_as.find(reference);
        pulled.push_back(stored == stored_as.end() ? reference : stored->second);
        return {};
    }
    Result<std::vector<std::string>> sandboxes() const override { return std::vector<std::string>{}; }
    Result<void> remove_sandbox(const std::string&) override { return {}; }

   private:
    mutable std::mutex mutex_;
};

// A machine with containerd and kubeadm, none of the images, and a kubeadm that counts how often it is asked.
struct Bare : FakeNode {
    Bare() {
        config.kubernetes.source = Source::repository;
        host.put("/usr/bin/kubeadm", "kubeadm", 0755);
        host.programs["kubeadm version"] = [this](const Command&) {
            ++asked;
            return CommandOutput{0, "v1.35.2\n", ""};
        };
        host.programs["kubeadm config images list"] = [this](const Command&) {
            ++asked;
            return CommandOutput{0, "registry.k8s.io/kube-proxy:v1.35.2\nregistry.k8s.io/etcd:3.6\n", ""};
        };
    }
    std::vector<std::string> wanted() const {
        return {"registry.k8s.io/kube-proxy:v1.35.2", "registry.k8s.io/etcd:3.6", config.flannel.image,
                config.flannel.cni_image};
    }
    int asked = 0;
    Registry registry;
    NodeServices pulling{config, host, clock, log, registry, kube, store, web, services.node_name};
};

TEST(Images, what_kubeadm_and_flannel_need_is_pulled_and_then_there) {
    Bare node;
    const auto phase = make_images_phase(node.pulling, nullptr, Role::control_plane);
    testing::expect_converges(node, *phase);
    EXPECT_THAT(node.registry.pulled, UnorderedElementsAreArray(node.wanted()));
}

TEST(Images, kubeadm_is_asked_once_for_looking_applying_and_looking_again) {
    Bare node;
    const auto phase = make_images_phase(node.pulling, nullptr, Role::control_plane);
    testing::expect_converges(node, *phase);
    EXPECT_EQ(node.asked, 2) << "its version, its images";
    node.host.put("/usr/bin/kubeadm", "a newer kubeadm", 0755);
    EXPECT_THAT(planned(node, *phase), IsEmpty());
    EXPECT_EQ(node.asked, 4) << "another kubeadm may want other images";
}

TEST(Images, one_that_cannot_be_pulled_fails_the_phase_by_name) {
    Bare node;
    node.registry.unreachable = {"registry.k8s.io/etcd:3.6"};
    const auto phase = make_images_phase(node.pulling, nullptr, Role::control_plane);
    const auto done = node.converge(*phase);
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().text(), HasSubstr("registry.k8s.io/etcd:3.6"));
}

// containerd's ParseDockerRef: the registry is put in, and a tag beside a digest left out.
TEST(Images, a_name_that_containerd_writes_in_another_way_is_known_again) {
    const std::string digest = "@sha256:" + std::string(64, 'a');
    const std::pair<std::string, std::string> names[] = {
        {"flannel/flannel:v0.28.0", "docker.io/flannel/flannel:v0.28.0"},
        {"docker.io/busybox:1", "docker.io/library/busybox:1"},
        {"index.docker.io/a/b:1", "docker.io/a/b:1"},
        {"ghcr.io/flannel-io/flannel:v0.28.0" + digest, "ghcr.io/flannel-io/flannel" + digest},
        {"localhost:5000/flannel:v1" + digest, "localhost:5000/flannel" + digest},
    };
    for (const auto& [configured, stored] : names) {
        SCOPED_TRACE(configured);
        Bare node;
        node.config.flannel.image = configured;
        node.registry.stored_as[configured] = stored;
        testing::expect_converges(node, *make_images_phase(node.pulling, nullptr, Role::control_plane));
        EXPECT_THAT(node.registry.pulled, Contains(stored));
    }
}

TEST(Images, a_list_that_kubeadm_could_not_make_is_an_error_and_not_an_empty_one) {
    Bare node;
    node.host.programs["kubeadm config images list"] = [](const Command&) {
        return CommandOutput{137, "", "killed for want of memory"};
    };
    const auto phase = make_images_phase(node.pulling, nullptr, Role::control_plane);
    EXPECT_THAT(planned(node, *phase), Contains(HasSubstr("killed for want of memory")));
}

TEST(Images, a_kubeadm_that_does_not_answer_is_an_error_and_not_an_empty_list) {
    Bare node;
    node.host.programs["kubeadm version"] = [](const Command&) { return CommandOutput{1, "", "cannot execute"}; };
    const auto phase = make_images_phase(node.pulling, nullptr, Role::control_plane);
    EXPECT_THAT(planned(node, *phase), Contains(HasSubstr("cannot execute")));
}

}  // namespace
}  // namespace nodeboot
