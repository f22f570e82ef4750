#include "phases/kubernetes_packages.hpp"

#include <sstream>

#include "bundle/manifest.hpp"
#include "phases/expect_plan.hpp"
#include "phases/kubeadm.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kKey = "/etc/apt/keyrings/nodeboot-kubernetes.asc";
constexpr auto kSources = "/etc/apt/sources.list.d/nodeboot-kubernetes.sources";
constexpr auto kPin = "/etc/apt/preferences.d/nodeboot-kubernetes";
constexpr auto kKeyText = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nabc\n";
constexpr auto kKeyUrl = "https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key";

void make_member(FakeNode& node) { node.host.put("/etc/kubernetes/manifests/kube-apiserver.yaml", ""); }

/// A Debian machine whose apt-get installs what a repository holds, as apt chooses it.
class KubernetesDebs : public ::testing::Test {
   protected:
    KubernetesDebs() {
        node.config.kubernetes.version = {1, 35, std::nullopt};
        node.host.now = node.clock.wall();
        node.web.answers[kKeyUrl] = {.status = 200, .headers = {}, .body = kKeyText};
        node.host.put("/var/lib/apt/lists/x_Packages", "");
        for (const char* helper : {"iptables", "conntrack"}) debs[helper] = "1.8";
        write_status();
        node.host.programs["apt-get update"] = [](const Command&) { return CommandOutput{}; };
        node.host.programs["apt-get install"] = [this](const Command& command) { return install(command); };
        node.host.programs["apt-mark"] = [this](const Command& command) {
            const bool hold = command.argv[1] == "hold";
            for (std::size_t i = 2; i < command.argv.size(); ++i)
                hold ? void(holds.insert(command.argv[i])) : void(holds.erase(command.argv[i]));
            write_status();
            return CommandOutput{};
        };
    }
    CommandOutput install(const Command& command) {
        const auto begin = std::find(command.argv.begin(), command.argv.end(), "--") + 1;
        for (auto word = begin; word != command.argv.end(); ++word) {
            const std::string name = word->substr(0, word->find('='));
            const std::string pattern = *word == name ? "*" : word->substr(name.size() + 1);
            const std::string offered = name == "iptables" || name == "conntrack" ? "1.8" : in_repository;
            if (!offered.starts_with(pattern.substr(0, pattern.find('*'))))
                return {100, "", "E: Version '" + pattern + "' for '" + name + "' was not found\n"};
            debs[name] = offered;
        }
        write_status();
        return {};
    }
    void write_status() {
        std::ostringstream text;
        for (const auto& [name, version] : debs)
            text << "Package: " << name << "\nStatus: " << (holds.contains(name) ? "hold" : "install")
                 << " ok installed\nVersion: " << version << "\n\n";
        node.host.put("/var/lib/dpkg/status", text.str());
    }
    void have(const std::string& version) {
        for (const char* name : {"kubelet", "kubeadm", "kubectl"}) {
            debs[name] = version;
            holds.insert(name);
        }
        write_status();
    }
    std::string line_with(const std::string& part) {
        for (const auto& line : planned(node, *phase()))
            if (line.find(part) != std::string::npos) return line;
        return "";
    }
    std::shared_ptr<const NodePhase> phase() {
        return make_kubernetes_packages_phase(node.services, std::make_shared<const Bundle>(""));
    }
    FakeNode node;
    std::map<std::string, std::string> debs;
    std::set<std::string> holds;
    std::string in_repository = "1.35.4-1.1";
};

TEST_F(KubernetesDebs, come_from_the_minor_s_repository_pinned_and_held) {
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content(kSources),
              "# Made by nodeboot; edits are lost.\nTypes: deb\n"
              "URIs: https://pkgs.k8s.io/core:/stable:/v1.35/deb/\nSuites: /\n"
              "Signed-By: /etc/apt/keyrings/nodeboot-kubernetes.asc\n");
    EXPECT_EQ(node.host.content(kPin),
              "# Made by nodeboot; edits are lost.\nPackage: kubelet kubeadm kubectl\nPin: version 1.35.*\n"
              "Pin-Priority: 1001\n");
    EXPECT_EQ(node.host.content(kKey), kKeyText);
    EXPECT_EQ(debs["kubelet"], "1.35.4-1.1");
    EXPECT_EQ(holds, (std::set<std::string>{"kubelet", "kubeadm", "kubectl"}));
}

TEST_F(KubernetesDebs, an_exact_version_is_pinned_and_asked_for) {
    node.config.kubernetes.version.patch = 4;
    expect_converges(node, *phase());
    EXPECT_NE(node.host.content(kPin)->find("Pin: version 1.35.4-*\n"), std::string::npos);
    have("1.35.4-1.1");
    debs.erase("kubectl");
    write_status();
    EXPECT_EQ(line_with("kubectl"), "package kubectl: absent -> 1.35.4-*; apt-get install 'kubectl=1.35.4-*'");
}

TEST_F(KubernetesDebs, a_version_that_the_repository_lacks_is_said_and_no_other_taken) {
    node.config.kubernetes.version.patch = 99;
    const auto done = node.converge(*phase());
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::not_found);
    EXPECT_NE(done.error().text().find("Version '1.35.99-*' for 'kubelet' was not found"), std::string::npos)
        << done.error().text();
    EXPECT_FALSE(debs.contains("kubelet"));
}

TEST_F(KubernetesDebs, a_repository_of_another_minor_is_noticed_before_anything_is_installed) {
    in_repository = "1.34.9-1.1";
    EXPECT_FALSE(node.converge(*phase()));
    EXPECT_FALSE(debs.contains("kubelet"));
}

TEST_F(KubernetesDebs, what_is_there_and_suits_is_left_alone) {
    expect_converges(node, *phase());
    have("1.35.9-1.1");
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(KubernetesDebs, a_newer_version_gives_way_although_it_is_held) {
    expect_converges(node, *phase());
    have("1.36.0-1.1");
    expect_converges(node, *phase());
    EXPECT_EQ(debs["kubelet"], "1.35.4-1.1");
    const auto& log = node.host.log;
    const auto install = std::find_if(log.begin(), log.end(),
                                      [](const std::string& line) { return line.starts_with("run apt-get install"); });
    ASSERT_NE(install, log.end());
    EXPECT_NE(install->find("--allow-downgrades --allow-change-held-packages"), std::string::npos) << *install;
}

TEST_F(KubernetesDebs, a_member_s_version_is_not_changed) {
    make_member(node);
    have("1.34.3-1.1");
    EXPECT_EQ(error_of(node, *phase()),
              "kubelet 1.34.3-1.1 is installed and this machine is in a cluster, but kubernetes.version is 1.35");
    node.config.kubernetes.version = {1, 34, std::nullopt};
    EXPECT_EQ(error_of(node, *phase()), "");
}

TEST_F(KubernetesDebs, a_key_of_an_image_is_renewed_before_something_is_installed_with_it) {
    expect_converges(node, *phase());
    node.clock.advance(std::chrono::hours(25));
    EXPECT_EQ(planned(node, *phase()), Lines{});  // nothing to install: the key may be as old as it likes
    debs.erase("kubelet");
    write_status();
    EXPECT_NE(line_with(kKey).find("more than a day old -> the repository's key"), std::string::npos)
        << line_with(kKey);
}

TEST_F(KubernetesDebs, what_is_no_key_is_neither_kept_nor_taken) {
    expect_converges(node, *phase());
    node.host.put(kKey, "<html>");
    EXPECT_NE(line_with(kKey).find("not a key -> "), std::string::npos) << line_with(kKey);
    node.web.answers[kKeyUrl].body = "<html>captive portal</html>";
    const auto done = node.converge(*phase());
    ASSERT_FALSE(done);
    EXPECT_NE(done.error().text().find(std::string(kKeyUrl) + " is not an armoured OpenPGP key"), std::string::npos);
    EXPECT_EQ(node.host.content(kKey), "<html>");
}

TEST_F(KubernetesDebs, a_key_of_one_s_own_is_read_from_its_file) {
    node.config.kubernetes.repository_key = "/etc/nodeboot/kubernetes.asc";
    node.host.put("/etc/nodeboot/kubernetes.asc", std::string(kKeyText) + "mine\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.content(kKey), std::string(kKeyText) + "mine\n");
    EXPECT_TRUE(node.web.asked.empty());
}

/// A machine with the bundle of 1.35.4 in a folder.
class KubernetesBundle : public ::testing::Test {
   protected:
    KubernetesBundle() {
        node.config.kubernetes.source = Source::bundle;
        node.config.kubernetes.bundle = "/opt/demo";
        node.config.kubernetes.version = {1, 35, std::nullopt};
        BundleManifest manifest;
        manifest.kubernetes = {1, 35, 4};
        manifest.arch = "amd64";
        for (const char* path : {"bin/kubelet", "bin/kubeadm"})
            manifest.files.push_back({.path = path,
                                      .kind = BundleKind::binary,
                                      .sha256 = std::string(64, '0'),
                                      .size = 7,
                                      .mode = 0755,
                                      .refs = {}});
        node.host.put("/opt/demo/manifest.json", serialise(manifest));
        for (const char* program : {"/usr/bin/kubelet", "/usr/bin/kubeadm"}) node.host.put(program, "older one", 0755);
    }
    void installed_is(const std::string& version) {
        node.host.programs["/usr/bin/kubelet --version"] = [=](const Command&) {
            return CommandOutput{0, "Kubernetes " + version + "\n", ""};
        };
        node.host.programs["/usr/bin/kubeadm version -o short"] = [=](const Command&) {
            return CommandOutput{0, version + "\n", ""};
        };
    }
    std::shared_ptr<const NodePhase> phase() {
        return make_kubernetes_packages_phase(node.services, std::make_shared<const Bundle>("/opt/demo"));
    }
    FakeNode node;
};

TEST_F(KubernetesBundle, replaces_another_version_where_there_is_no_cluster_yet) {
    installed_is("v1.34.1");
    EXPECT_EQ(actions(node, *phase()), (Lines{"install /usr/bin/kubelet", "install /usr/bin/kubeadm"}));
}

TEST_F(KubernetesBundle, does_not_change_a_member_s_version) {
    make_member(node);
    installed_is("v1.35.3");
    EXPECT_EQ(error_of(node, *phase()),
              "kubelet 1.35.3 is installed and this machine is in a cluster, but the bundle holds 1.35.4");
}

TEST_F(KubernetesBundle, mends_a_member_s_programs_of_the_same_version_or_that_do_not_run) {
    make_member(node);
    installed_is("v1.35.4");
    EXPECT_EQ(actions(node, *phase()).size(), 2U);
    node.host.programs.clear();
    EXPECT_EQ(actions(node, *phase()), (Lines{"install /usr/bin/kubelet", "install /usr/bin/kubeadm"}));
}

TEST(KubernetesPreinstalled, is_of_the_version_that_the_config_names) {
    FakeNode node;
    node.config.kubernetes.source = Source::preinstalled;
    node.config.kubernetes.version = {1, 35, std::nullopt};
    for (const char* file :
         {"/usr/bin/kubelet", "/usr/bin/kubeadm", "/usr/bin/kubectl", "/usr/sbin/iptables", "/usr/sbin/conntrack"})
        node.host.put(file, "", 0755);
    std::string version = "v1.35.9";
    node.host.programs["kubeadm version"] = [&](const Command&) { return CommandOutput{0, version + "\n", ""}; };
    const auto phase = make_kubernetes_packages_phase(node.services, std::make_shared<const Bundle>(""));
    EXPECT_EQ(planned(node, *phase), Lines{});
    auto step = node.step();
    EXPECT_TRUE(phase->verify(node.host, step));
    version = "v1.34.9";
    const auto verified = phase->verify(node.host, step);
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().message, "kubeadm 1.34.9 is installed on this machine, but kubernetes.version is 1.35");
    EXPECT_NE(verified.error().hint.find("set kubernetes.version to \"1.34\""), std::string::npos);
}

}  // namespace
}  // namespace nodeboot::testing
