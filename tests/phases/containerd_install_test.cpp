#include "phases/containerd_install.hpp"

#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

std::string installed(std::initializer_list<const char*> names) {
    std::string text;
    for (const auto* name : names)
        text += std::string("Package: ") + name + "\nStatus: install ok installed\nVersion: 1.0-1\n\n";
    return text;
}

class ContainerdInstall : public ::testing::Test {
   protected:
    std::shared_ptr<const NodePhase> phase(BundleChanges bundle = {}) {
        return make_containerd_install_phase(node.config, {std::move(bundle), {}});
    }
    FakeNode node;
};

TEST_F(ContainerdInstall, only_missing_packages_are_installed) {
    node.host.put("/usr/bin/apt-get", "", 0755);
    node.host.put("/var/lib/dpkg/status", installed({"runc", "iptables", "ca-certificates"}));
    EXPECT_EQ(planned(node, *phase()), Lines{"packages containerd, conntrack: absent, absent -> installed, installed; "
                                             "apt-get install containerd conntrack"});
    node.host.put("/var/lib/dpkg/status",
                  installed({"containerd", "runc", "iptables", "ca-certificates", "conntrack"}));
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(ContainerdInstall, docker_s_package_counts) {
    node.host.put("/usr/bin/apt-get", "", 0755);
    node.host.put("/var/lib/dpkg/status", installed({"containerd.io", "iptables", "ca-certificates", "conntrack"}));
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(ContainerdInstall, amazon_linux_uses_dnf) {
    node.host.put("/usr/bin/dnf", "", 0755);
    node.host.put("/usr/sbin/iptables", "", 0755);
    EXPECT_EQ(actions(node, *phase()), Lines{"dnf install containerd runc conntrack-tools"});
}

TEST_F(ContainerdInstall, preinstalled_is_only_looked_for) {
    node.config.containerd.source = ContainerdSource::preinstalled;
    EXPECT_EQ(error_of(node, *phase()),
              "containerd.source is \"preinstalled\", and this machine has no containerd, runc, iptables");
    for (const auto* file : {"/usr/local/bin/containerd", "/usr/bin/runc", "/usr/sbin/iptables"})
        node.host.put(file, "", 0755);
    EXPECT_EQ(planned(node, *phase()), Lines{});
}

TEST_F(ContainerdInstall, bundle_brings_a_unit_that_systemd_reads) {
    node.config.containerd.source = ContainerdSource::bundle;
    EXPECT_NE(error_of(node, *phase()).find("no bundle"), std::string::npos);
    node.host.put("/usr/sbin/iptables", "", 0755);
    const BundleChanges copy = [](std::vector<NodeChange>& changes, const HostView& view) -> Result<void> {
        if (!NB_TRY(view.stat("/usr/local/bin/containerd")))
            changes.push_back({"/usr/local/bin/containerd", "absent", "2.1.5",
                               CopyFile{"/bundle/containerd/containerd", "/usr/local/bin/containerd", {0755}}});
        return {};
    };
    expect_converges(node, *phase(copy));
    EXPECT_EQ(node.host.log, (Lines{"copy /usr/local/bin/containerd", "write /etc/systemd/system/containerd.service",
                                    "daemon-reload"}));
    EXPECT_EQ(phase(copy)->info().needs.back(), "bundle");
}

}  // namespace
}  // namespace nodeboot::testing
