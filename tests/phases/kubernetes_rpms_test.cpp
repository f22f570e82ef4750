#include "phases/kubernetes_rpms.hpp"

#include <gtest/gtest.h>

#include "phases/expect_plan.hpp"
#include "phases/kubernetes_packages.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;
using testing::Lines;

/// An Amazon Linux machine with an rpm database.
struct Machine : FakeNode {
    std::map<std::string, std::string> rpms{{"iptables-nft", "1.8.8-3.amzn2023"},
                                            {"conntrack-tools", "1.4.6-2.amzn2023"}};

    Machine() {
        config.kubernetes.version = {1, 35, std::nullopt};
        host.put("/usr/bin/dnf", "");
        host.put("/usr/sbin/iptables", "");
        host.put("/usr/sbin/conntrack", "");
        host.programs["rpm --query"] = [this](const Command& command) {
            CommandOutput out;
            for (std::size_t i = 4; i < command.argv.size(); ++i) {
                const auto it = rpms.find(command.argv[i]);
                out.exit_code += it == rpms.end();
                out.out += it == rpms.end() ? "package " + command.argv[i] + " is not installed\n"
                                            : it->first + " " + it->second + "\n";
            }
            return out;
        };
        host.programs["dnf install"] = [this](const Command& command) {
            for (const auto& word : command.argv)
                for (const char* name : {"kubelet", "kubeadm", "kubectl", "iptables-nft", "conntrack-tools"})
                    if (word.starts_with(name)) rpms[name] = "1.35.2-150500.1.1";
            return CommandOutput{0, "", ""};
        };
    }
    std::shared_ptr<const NodePhase> phase() {
        return make_kubernetes_packages_phase(services, std::make_shared<const Bundle>(""));
    }
};

TEST(KubernetesRpms, come_from_the_neighbour_of_debians_repository_and_are_kept_from_upgrades) {
    Machine machine;
    testing::expect_converges(machine, *machine.phase());
    EXPECT_EQ(machine.host.content(kubernetes_repository_file),
              "# Made by nodeboot; edits are lost.\n"
              "[nodeboot-kubernetes]\n"
              "name=Kubernetes 1.35\n"
              "baseurl=https://pkgs.k8s.io/core:/stable:/v1.35/rpm/\n"
              "enabled=1\n"
              "gpgcheck=1\n"
              "repo_gpgcheck=1\n"
              "gpgkey=https://pkgs.k8s.io/core:/stable:/v1.35/rpm/repodata/repomd.xml.key\n"
              "skip_if_unavailable=0\n"
              "# A node is upgraded on purpose only: --disableexcludes=nodeboot-kubernetes\n"
              "exclude=kubelet kubeadm kubectl cri-tools kubernetes-cni\n");
    EXPECT_EQ(machine.host.log.back(),
              "run dnf install --assumeyes --setopt=install_weak_deps=False --disableexcludes=nodeboot-kubernetes "
              "'kubelet-1.35.*' 'kubeadm-1.35.*' 'kubectl-1.35.*'");
}

TEST(KubernetesRpms, a_repository_and_key_of_ones_own_are_taken_as_they_are) {
    Machine machine;
    machine.config.kubernetes.repository_url = "https://mirror.example.com/k8s/{minor}";
    machine.config.kubernetes.repository_key = "/etc/nodeboot/kubernetes.asc";
    testing::expect_converges(machine, *machine.phase());
    const auto text = *machine.host.content(kubernetes_repository_file);
    EXPECT_NE(text.find("baseurl=https://mirror.example.com/k8s/1.35/\n"), std::string::npos) << text;
    EXPECT_NE(text.find("gpgkey=file:///etc/nodeboot/kubernetes.asc\n"), std::string::npos) << text;
}

TEST(KubernetesRpms, what_is_there_and_suits_is_left_alone) {
    Machine machine;
    testing::expect_converges(machine, *machine.phase());
    machine.rpms["kubelet"] = "1.35.9-150500.1.1";  // another patch of the same minor
    EXPECT_EQ(testing::planned(machine, *machine.phase()), Lines{});
}

TEST(KubernetesRpms, an_exact_version_is_installed_over_another) {
    Machine machine;
    machine.rpms.insert({{"kubelet", "1.35.1-1.1"}, {"kubeadm", "1.35.2-1.1"}, {"kubectl", "1.34.0-1.1"}});
    machine.config.kubernetes.version.patch = 2;
    EXPECT_EQ(testing::planned(machine, *machine.phase()).back(),
              "packages kubelet-1.35.2-*, kubectl-1.35.2-*: 1.35.1-1.1, 1.34.0-1.1 -> installed; dnf install "
              "'kubelet-1.35.2-*' 'kubectl-1.35.2-*'");
}

TEST(KubernetesRpms, a_members_version_is_not_changed) {
    Machine machine;
    machine.rpms.insert({{"kubelet", "1.34.3-1.1"}, {"kubeadm", "1.34.3-1.1"}, {"kubectl", "1.34.3-1.1"}});
    machine.host.put("/etc/kubernetes/manifests/kube-apiserver.yaml", "");
    EXPECT_NE(
        testing::error_of(machine, *machine.phase())
            .find("kubelet 1.34.3-1.1 is installed and this machine is in a cluster, but kubernetes.version is 1.35"),
        std::string::npos);
}

TEST(KubernetesRpms, missing_helpers_are_installed_with_them) {
    Machine machine;
    machine.rpms.clear();
    testing::expect_converges(machine, *machine.phase());
    EXPECT_NE(machine.host.log.back().find(" iptables-nft conntrack-tools"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
