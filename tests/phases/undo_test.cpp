#include <fmt/core.h>
#include <gtest/gtest.h>

#include "bundle/manifest.hpp"
#include "net/sha256.hpp"
#include "phases/catalog.hpp"
#include "phases/expect_plan.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubeadm_join.hpp"
#include "phases/timers.hpp"
#include "support/temporary_folder.hpp"
#include "system/apt.hpp"

/// The way back of every phase: converge, undo, and the machine is as it was, neighbours' files included.
namespace nodeboot::testing {
namespace {

const std::vector<std::string> packages{"kubelet", "kubeadm", "kubectl", "iptables", "conntrack", "containerd", "runc"};

// What a machine may be like before, and what the config asks for.
struct Kind {
    Role role = Role::worker;
    Source source = Source::repository;
    DnsMode dns = DnsMode::google;
    bool chrony = false;
    bool others_files = false;  // somebody has files of their own where nodeboot's go
    friend std::ostream& operator<<(std::ostream& out, const Kind& kind) {
        return out << "role " << static_cast<int>(kind.role) << ", source " << static_cast<int>(kind.source) << ", dns "
                   << static_cast<int>(kind.dns) << (kind.chrony ? ", chrony" : "")
                   << (kind.others_files ? ", files of others" : "");
    }
};

std::vector<Kind> all_kinds() {
    std::vector<Kind> kinds;
    for (const Role role : {Role::control_plane, Role::worker})
        for (const Source source : {Source::repository, Source::bundle, Source::preinstalled})
            for (const DnsMode dns : {DnsMode::google, DnsMode::file})
                for (const bool chrony : {false, true})
                    for (const bool others : {false, true}) kinds.push_back({role, source, dns, chrony, others});
    return kinds;
}

class Machine {
   public:
    explicit Machine(const Kind& kind) : kind_(kind) {
        node.host.now = node.clock.wall() - std::chrono::hours(2);
        configure();
        put_distribution();
        put_neighbours();
        if (kind.others_files) put_others_files();
        put_programs();
        node.cri.state = CriStatus{.runtime_name = "containerd", .runtime_version = "1.7.24"};
        node.host.now = node.clock.wall();
    }

    /// As the runner would, until nothing is left to do.
    void converge(const NodePhase& phase) {
        if (phase.info().name == "kubeadm-join") return join();
        ASSERT_TRUE(node.converge(phase)) << phase.info().name;
        react();
    }

    std::vector<std::string> undo(const NodePhase& phase) {
        StepContext context = node.step();
        ActionContext action{node.host, context};
        std::vector<std::string> did;
        const auto changes = phase.undo(node.host);
        EXPECT_TRUE(changes) << changes.error().text();
        for (const auto& change : *changes) {
            did.push_back(describe(change.action));
            const auto done = perform(change.action, action);
            EXPECT_TRUE(done) << done.error().text();
        }
        react();
        const auto left = phase.undo(node.host);
        EXPECT_TRUE(left) << left.error().text();
        if (left) {
            EXPECT_TRUE(left->empty()) << phase.info().name << " is not undone: " << describe(left->front().action);
        }
        return did;
    }

    /// Everything that should be as it was: files with mode, owner and target, holds, what systemd runs and will run.
    using Snapshot = std::map<std::string, std::string>;
    Snapshot snapshot() const {
        Snapshot out;
        for (const auto& [path, file] : node.host.files) {
            if (path.starts_with("/proc/") || path.starts_with("/run/") || path == "/var/lib/dpkg/status") continue;
            out[path] = fmt::format("{} {:o} {}:{} {} {}", static_cast<int>(file.info.type), file.info.mode,
                                    file.info.uid, file.info.gid, file.info.target, file.content);
        }
        const DpkgStatus status(node.host.content("/var/lib/dpkg/status").value_or(""));
        for (const auto& name : packages)
            if (status.find(name).held) out["hold on " + name] = "held";
        for (const auto& [name, unit] : node.host.units)
            if (unit.enabled() || unit.running()) out["unit " + name] = unit.enabled() ? "enabled" : "running";
        return out;
    }

    FakeNode node;

   private:
    void configure() {
        auto& config = node.config;
        config.node.role = kind_.role;
        config.host.dns_mode = kind_.dns;
        config.kubernetes.source = kind_.source;
        config.containerd.registry_mirrors = {{"docker.io", {"https://mirror.example"}}};
        config.kubernetes.repository_key = "/root/key.asc";
        node.host.put("/root/key.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n");
        if (kind_.source == Source::bundle) {
            config.kubernetes.bundle = bundle_.path();
            config.containerd.source = ContainerdSource::bundle;
            put_bundle();
        }
        if (kind_.source == Source::preinstalled) config.containerd.source = ContainerdSource::preinstalled;
    }

    void put_bundle() {
        BundleManifest manifest;
        manifest.kubernetes = {1, 35, 1};
#ifdef __aarch64__
        manifest.arch = "arm64";
#else
        manifest.arch = "amd64";
#endif
        const std::pair<const char*, BundleKind> files[] = {
            {"bin/kubeadm", BundleKind::binary},        {"bin/kubelet", BundleKind::binary},
            {"bin/kubectl", BundleKind::binary},        {"cni/bridge", BundleKind::cni},
            {"cri/containerd", BundleKind::containerd}, {"cri/runc", BundleKind::containerd},
        };
        for (const auto& [name, kind] : files) {
            const std::string text = std::string("program ") + name;
            bundle_.put(name, text);
            node.host.put(bundle_ / name, text);
            manifest.files.push_back({name, kind, sha256_hex(text), text.size(), 0755, {}});
        }
        bundle_.put("manifest.json", serialise(manifest));
        node.host.put(bundle_ / "manifest.json", serialise(manifest));
    }

    void put_distribution() {
        auto& host = node.host;
        host.put("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/dev/vdb none swap sw 0 0\n# end", 0640);
        host.put("/proc/swaps", "Filename Type Size Used Priority\n/dev/vdb partition 1024 0 -2\n");
        host.put("/proc/sys/net/ipv4/ip_forward", "0\n");
        host.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nadmin:x:1000:1000::/home/admin:/bin/sh\n");
        host.put("/usr/bin/apt-get", "", 0755);
        host.put("/usr/sbin/iptables", "", 0755);
        host.put("/usr/sbin/conntrack", "", 0755);
        host.put("/var/lib/dpkg/status", "");
        host.put("/usr/lib/systemd/system-generators/zram-generator", "", 0755);
        host.put("/usr/lib/systemd/zram-generator.conf.d/10-vendor.conf", "[zram1]\n");
        host.put("/usr/lib/systemd/system/zramswap.service", "");
        host.put("/run/systemd/generator.late/dev-vdc.swap", "[Swap]\nWhat=/dev/vdc\n");
        host.put(
            "/run/systemd/netif/links/2",
            "NETWORK_FILE=/run/systemd/network/10-ens5.network\nDNS=10.0.0.2\nROUTE_DOMAINS=\nDNS_DEFAULT_ROUTE=\n");
        host.put("/run/systemd/resolve/resolv.conf", "nameserver 10.0.0.2\n");
        host.put("/run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
        host.put("/etc/resolv.conf", "nameserver 10.0.0.2\n");
        host.put("/etc/NetworkManager/NetworkManager.conf", "[main]\n");
        host.put("/etc/chrony/chrony.conf", "confdir /etc/chrony/conf.d\n");
        for (const char* unit : {"systemd-resolved.service", "systemd-networkd.service", "systemd-timesyncd.service",
                                 "NetworkManager.service"})
            host.units[unit] = running_unit(host.now);
        if (kind_.chrony) host.units["chrony.service"] = running_unit(host.now);
        if (kind_.source != Source::bundle) host.units["containerd.service"] = running_unit(host.now);
        if (kind_.source == Source::preinstalled)
            for (const char* name : {"containerd", "runc", "kubeadm", "kubelet", "kubectl"})
                host.put(std::string("/usr/bin/") + name, "", 0755);
    }

    // In every folder that nodeboot writes into; none of nodeboot's business.
    void put_neighbours() {
        for (const char* path : {"/etc/sysctl.d/10-mine.conf",
                                 "/etc/modules-load.d/mine.conf",
                                 "/etc/systemd/resolved.conf.d/mine.conf",
                                 "/etc/systemd/timesyncd.conf.d/mine.conf",
                                 "/etc/chrony/conf.d/mine.conf",
                                 "/etc/systemd/network/10-mine.network",
                                 "/etc/systemd/network/10-mine.network.d/mine.conf",
                                 "/etc/systemd/networkd.conf.d/mine.conf",
                                 "/etc/NetworkManager/conf.d/mine.conf",
                                 "/etc/apt/sources.list.d/mine.sources",
                                 "/etc/apt/preferences.d/mine",
                                 "/etc/apt/keyrings/mine.asc",
                                 "/etc/containerd/certs.d/mine.example/hosts.toml",
                                 "/etc/systemd/system/mine.service",
                                 "/etc/systemd/zram-generator.conf.d/mine.txt",
                                 "/opt/cni/bin/mine",
                                 "/usr/local/bin/mine",
                                 "/home/admin/.kube/cache/mine",
                                 "/etc/cni/net.d/05-mine.conflist",
                                 "/var/lib/mine"})
            node.host.put(path, std::string("# mine: ") + path + "\n", 0640);
        node.host.put("/etc/sysctl.conf", "# mine\nnet.ipv4.ip_forward = 0\nvm.swappiness=1");
        node.host.put("/usr/lib/sysctl.d/99-zzz-vendor.conf", "kernel.panic = 5\n");
    }

    void put_others_files() {
        auto& host = node.host;
        host.put("/etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n", 0600);
        host.put("/etc/containerd/certs.d/docker.io/hosts.toml", "server = \"https://cache.example\"\n");
        host.put("/etc/crictl.yaml", "timeout: 3\n");
        host.put("/etc/systemd/zram-generator.conf", "[zram0]\n");
        host.put("/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/opt/kubelet\n");
        host.put("/etc/systemd/system/swapfile.swap", "[Swap]\nWhat=/swapfile\n");
        host.units["swapfile.swap"] = {.loaded = true, .active = "inactive", .file_state = "enabled"};
        host.put("/home/admin/.kube/config", "current-context: kubernetes-admin@other\n", 0600);
        host.files["/home/admin/.kube/config"].info.uid = 1000;
        host.files["/home/admin/.kube/config"].info.gid = 1000;
        ASSERT_TRUE(host.make_symlink("/etc/resolv.conf", "../run/resolvconf/resolv.conf"));
        host.put("/run/resolvconf/resolv.conf", "nameserver 10.0.0.2\n");
    }

    // What daemons and the kernel make of what was done.
    void react() {
        if (node.host.content("/etc/systemd/resolved.conf.d/50-nodeboot.conf"))
            node.host.put("/run/systemd/resolve/resolv.conf",
                          "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 10.0.0.2\n");
    }

    void put_programs() {
        auto& programs = node.host.programs;
        programs["resolvectl"] = programs["modprobe"] = programs["apt-get"] =
            programs["ctr"] = [](const Command&) { return CommandOutput{}; };
        programs["apt-get install"] = [this](const Command&) {
            std::string text;
            for (const auto& name : packages)
                text += "Package: " + name + "\nStatus: install ok installed\nVersion: 1.35.1-1.1\n\n";
            node.host.put("/var/lib/dpkg/status",
                          text + "Package: ca-certificates\nStatus: install ok installed\nVersion: 1\n\n");
            return CommandOutput{};
        };
        const auto mark = [this](const std::string& word) {
            return [this, word](const Command& command) {
                std::string text = *node.host.content("/var/lib/dpkg/status");
                for (std::size_t i = 2; i < command.argv.size(); ++i) {
                    const auto at = text.find("Status: ", text.find("Package: " + command.argv[i] + "\n")) + 8;
                    text.replace(at, text.find(' ', at) - at, word);
                }
                node.host.put("/var/lib/dpkg/status", text);
                return CommandOutput{};
            };
        };
        programs["apt-mark hold"] = mark("hold");
        programs["apt-mark unhold"] = mark("install");
        programs["kubeadm version"] = [](const Command&) { return CommandOutput{0, "v1.35.1\n", ""}; };
        programs["kubeadm config"] = [](const Command&) {
            return CommandOutput{0, "registry.k8s.io/pause:3.10.1\n", ""};
        };
        programs["kubeadm init"] = [this](const Command&) {
            init();
            return CommandOutput{};
        };
        programs["kubeadm reset"] = [this](const Command&) {
            // As the real one: folders are emptied and stand.
            std::vector<std::string> files;
            for (const auto& [path, file] : node.host.files)
                if (path != kubeadm_init_config && file.info.type == FileInfo::Type::file)
                    for (const char* folder : {"/etc/kubernetes/", "/var/lib/kubelet/", "/var/lib/etcd/"})
                        if (path.starts_with(folder)) files.push_back(path);
            for (const auto& path : files) EXPECT_TRUE(node.host.remove(path));
            return CommandOutput{};
        };
        node.kube.api->on_create = [this](const std::string&, const nlohmann::json&) {};
    }

    void init() {
        for (const char* path :
             {"/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/sa.key", "/etc/kubernetes/controller-manager.conf",
              "/etc/kubernetes/scheduler.conf", kubelet_conf, kubelet_config, "/etc/kubernetes/manifests/etcd.yaml",
              "/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/manifests/kube-controller-manager.yaml",
              "/etc/kubernetes/manifests/kube-scheduler.yaml", "/var/lib/etcd/member/snap/db"})
            node.host.put(path, "x", 0600);
        node.host.put(admin_conf, "    certificate-authority-data: QUFB\ncurrent-context: kubernetes-admin@nodeboot\n",
                      0600);
        put_flannels_remains();
        auto& objects = node.kube.api->objects;
        for (const char* name : {"kube-system/configmaps/kubeadm-config", "kube-public/configmaps/cluster-info",
                                 "kube-system/configmaps/kube-proxy", "kube-system/configmaps/coredns"})
            objects[std::string("/api/v1/namespaces/") + name] = nlohmann::json::object();
        objects["/api/v1/namespaces/kube-system/configmaps/kubeadm-config"] = {
            {"data", {{"ClusterConfiguration", "a: b\n"}}}};
    }

    // kubeadm join has tests of its own; here counts what it leaves.
    void join() {
        node.host.put(kubelet_conf, "current-context: default\n", 0600);
        node.host.put(kubelet_config, "kind: KubeletConfiguration\n");
        node.host.put("/etc/kubernetes/pki/ca.crt", "pem");
        node.host.put("/var/lib/kubelet/pki/kubelet-client-current.pem", "pem", 0600);
        put_flannels_remains();
    }

    void put_flannels_remains() {
        node.host.put("/etc/cni/net.d/10-flannel.conflist", "{}");
        node.host.put("/opt/cni/bin/flannel", "from its pod", 0755);
        node.host.put("/var/lib/cni/networks/cbr0/10.244.0.2", "");
        node.host.put("/run/flannel/subnet.env", "");
    }

    Kind kind_;
    TemporaryFolder bundle_;
};

/// "path: was -> is" of everything that is not as before.
std::vector<std::string> difference(const Machine::Snapshot& before, const Machine::Snapshot& after) {
    std::vector<std::string> lines;
    for (const auto& [path, was] : before) {
        const auto it = after.find(path);
        if (it == after.end() || it->second != was)
            lines.push_back(path + ": " + was + " -> " + (it == after.end() ? "absent" : it->second));
    }
    for (const auto& [path, is] : after)
        if (!before.contains(path)) lines.push_back(path + ": absent -> " + is);
    return lines;
}

// Preflight changes nothing; the secret of a worker is in memory only, and publishing needs a signed cluster-info.
bool has_no_way_back(const std::string& name) { return name == "preflight" || name == "join-secret"; }

class Undo : public ::testing::TestWithParam<Kind> {};

TEST_P(Undo, of_each_phase_leaves_the_machine_as_it_was) {
    Machine machine(GetParam());
    for (const auto& phase : make_node_phases(machine.node.services)) {
        if (has_no_way_back(phase->info().name)) continue;
        SCOPED_TRACE(phase->info().name);
        const auto before = machine.snapshot();
        machine.converge(*phase);
        machine.undo(*phase);
        EXPECT_EQ(difference(before, machine.snapshot()), Lines{});
        machine.converge(*phase);  // the later ones need it
    }
}

TEST_P(Undo, of_all_phases_last_first_leaves_the_machine_as_it_was) {
    Machine machine(GetParam());
    const auto before = machine.snapshot();
    auto phases = make_node_phases(machine.node.services);
    std::erase_if(phases, [](const auto& phase) { return has_no_way_back(phase->info().name); });
    for (const auto& phase : phases) machine.converge(*phase);
    const auto converged = machine.snapshot();
    EXPECT_NE(converged, before);
    std::reverse(phases.begin(), phases.end());
    for (const auto& phase : phases) machine.undo(*phase);
    EXPECT_EQ(difference(before, machine.snapshot()), Lines{});
}

// A reset may be stopped after any change; the next one goes on from there, and nothing keeps working with what is gone.
TEST_P(Undo, stopped_after_any_change_is_finished_by_the_next) {
    Machine machine(GetParam());
    auto& host = machine.node.host;
    for (const auto& phase : make_node_phases(machine.node.services)) {
        if (has_no_way_back(phase->info().name)) continue;
        const auto before = machine.snapshot();
        machine.converge(*phase);
        const FakeHost converged = host;
        machine.node.clock.advance(std::chrono::seconds(1));
        const auto changes = *phase->undo(host);
        for (std::size_t stop = 0; stop < changes.size(); ++stop) {
            SCOPED_TRACE(fmt::format("{}, stopped after {} of {}", phase->info().name, stop, changes.size()));
            host.now = machine.node.clock.wall();
            StepContext context = machine.node.step();
            ActionContext action{host, context};
            for (std::size_t i = 0; i < stop; ++i) ASSERT_TRUE(perform(changes[i].action, action));
            const auto rest = machine.undo(*phase);
            EXPECT_EQ(difference(before, machine.snapshot()), Lines{});
            for (std::size_t i = stop; i < changes.size(); ++i)
                if (const auto* unit = std::get_if<Unit>(&changes[i].action); unit && unit->verb == UnitVerb::restart) {
                    EXPECT_NE(std::find(rest.begin(), rest.end(), describe(*unit)), rest.end())
                        << unit->name << " still works with what is gone";
                }
            host = converged;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Machines, Undo, ::testing::ValuesIn(all_kinds()));

TEST(UndoOrder, the_cluster_is_left_before_its_software_is_undone) {
    FakeNode node;
    node.config.node.role = Role::control_plane;
    const auto catalog = make_reset_catalog(node.services);
    ASSERT_TRUE(catalog) << catalog.error().text();
    std::vector<std::string> names;
    for (const auto& phase : catalog->phases()) names.push_back(phase.info.name);
    const auto at = [&](const char* name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
    EXPECT_LT(at("timers"), at("kubeadm-init"));
    EXPECT_LT(at("admin-kubeconfig"), at("kubeadm-init"));
    EXPECT_LT(at("kubeadm-init"), at("kubelet"));
    EXPECT_LT(at("kubeadm-init"), at("containerd"));
    EXPECT_LT(at("containerd"), at("containerd-install"));
    EXPECT_LT(at("kubernetes-packages"), at("bundle"));
}

// dpkg and rpm know these folders as kubelet's, and the package stays.
TEST(UndoJoin, folders_of_kubelets_package_stay_and_those_of_a_bundle_go) {
    for (const bool package : {false, true}) {
        SCOPED_TRACE(package ? "package" : "bundle");
        FakeNode node;
        if (package) node.host.put("/usr/lib/systemd/system/kubelet.service", "[Service]\n");
        node.host.programs["kubeadm reset"] = [](const Command&) { return CommandOutput{}; };
        node.host.put(kubelet_conf, "current-context: default\n", 0600);
        node.host.put("/var/lib/kubelet/pki/kubelet.key", "pem", 0600);
        ASSERT_TRUE(node.host.remove("/var/lib/kubelet/pki/kubelet.key"));
        const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
        StepContext context = node.step();
        ActionContext action{node.host, context};
        for (int run = 0; run < 2; ++run) {
            const auto changes = phase->undo(node.host);
            ASSERT_TRUE(changes) << changes.error().text();
            EXPECT_EQ(changes->empty(), run == 1);
            for (const auto& change : *changes) ASSERT_TRUE(perform(change.action, action));
        }
        EXPECT_FALSE(node.host.files.contains("/var/lib/kubelet/pki"));
        EXPECT_EQ(node.host.files.contains("/var/lib/kubelet"), package);
        EXPECT_EQ(node.host.files.contains("/etc/kubernetes"), package);
    }
}

TEST(UndoJoin, kubelets_folder_for_volume_plugins_goes_unless_somebody_has_one_there) {
    for (const bool used : {false, true}) {
        SCOPED_TRACE(used ? "with a plugin" : "empty");
        FakeNode node;
        const std::string folder = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec";
        node.host.put(folder + "/site~disks/disks", "#!/bin/sh\n", 0755);
        if (!used) {
            ASSERT_TRUE(node.host.remove(folder + "/site~disks"));
        }
        const auto phase = make_kubeadm_join_phase(node.services, std::make_shared<JoinMaterial>());
        StepContext context = node.step();
        ActionContext action{node.host, context};
        const auto changes = phase->undo(node.host);
        ASSERT_TRUE(changes) << changes.error().text();
        for (const auto& change : *changes) ASSERT_TRUE(perform(change.action, action));
        EXPECT_EQ(node.host.stat(folder)->has_value(), used);
        EXPECT_EQ(node.host.stat("/usr/libexec/kubernetes")->has_value(), used);
    }
}

TEST(UndoSysctl, other_files_values_come_into_force_at_once) {
    FakeNode node;
    node.host.put("/proc/sys/net/ipv4/ip_forward", "0\n");
    node.host.put("/proc/sys/kernel/panic", "0\n");
    node.host.put("/etc/sysctl.conf", "net.ipv4.ip_forward = 0\n");
    NodePhases phases = make_node_phases(node.services);
    const auto sysctl =
        *std::find_if(phases.begin(), phases.end(), [](const auto& p) { return p->info().name == "sysctl"; });
    ASSERT_TRUE(node.converge(*sysctl));
    ASSERT_EQ(node.host.content("/proc/sys/net/ipv4/ip_forward"), "1\n");
    StepContext context = node.step();
    ActionContext action{node.host, context};
    const auto changes = *sysctl->undo(node.host);
    for (const auto& change : changes) ASSERT_TRUE(perform(change.action, action));
    EXPECT_EQ(node.host.content("/proc/sys/net/ipv4/ip_forward"), "0\n");
    EXPECT_EQ(node.host.content("/proc/sys/kernel/panic"), "10\n") << "nobody says what it was";
}

TEST(UndoBootService, drop_in_of_user_data_goes_and_one_of_the_user_stays) {
    FakeNode node;
    const std::string folder = "/etc/systemd/system/nodeboot.service.d/";
    node.host.put(folder + "10-install.conf", "# Made by nodeboot. Here and not in runcmd\n");
    node.host.put(folder + "mine.conf", "[Service]\n");
    const auto phase = make_boot_service_phase(node.services, "");
    ASSERT_TRUE(node.converge(*phase));
    StepContext context = node.step();
    ActionContext action{node.host, context};
    const auto changes = *phase->undo(node.host);
    for (const auto& change : changes) ASSERT_TRUE(perform(change.action, action));
    EXPECT_FALSE(node.host.content(folder + "10-install.conf"));
    EXPECT_TRUE(node.host.content(folder + "mine.conf"));
    EXPECT_FALSE(node.host.units["nodeboot.service"].enabled());
}

TEST(UndoPackages, holds_of_somebody_else_stay) {
    FakeNode node;
    node.config.kubernetes.source = Source::preinstalled;
    node.host.put("/var/lib/dpkg/status", "Package: kubelet\nStatus: hold ok installed\nVersion: 1.35.1-1.1\n\n");
    for (const auto& phase : make_node_phases(node.services))
        EXPECT_TRUE(phase->undo(node.host)->empty()) << phase->info().name;
}

}  // namespace
}  // namespace nodeboot::testing
