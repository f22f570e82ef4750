#include "phases/containerd_config.hpp"

#include "phases/containerd_install.hpp"
#include "phases/expect_plan.hpp"

namespace nodeboot::testing {
namespace {

constexpr auto kFile = "/etc/containerd/config.toml";
constexpr auto kUnit = "containerd.service";

void install(FakeNode& node, const std::string& version) {
    node.host.put("/var/lib/dpkg/status",
                  "Package: containerd\nStatus: install ok installed\nVersion: " + version + "\n");
    node.host.put("/usr/bin/containerd", "", 0755);
}

class ContainerdConfigPhase : public ::testing::Test {
   protected:
    ContainerdConfigPhase() {
        node.host.now = node.clock.wall();
        install(node, "1.7.24~ds1-6+b4");
        node.host.units[kUnit] = running_unit(node.clock.wall() - std::chrono::hours(1));
        node.host.put(kFile, "disabled_plugins = [\"cri\"]\n");
        node.host.files["/usr/bin/containerd"].info.modified = node.clock.wall() - std::chrono::hours(24);
    }
    std::shared_ptr<const NodePhase> phase() { return make_containerd_config_phase(node.config, node.cri, node.clock); }
    FakeNode node;
};

TEST_F(ContainerdConfigPhase, packaged_config_that_disables_cri_is_replaced_and_read) {
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log,
              (Lines{"copy /etc/containerd/config.toml.before-nodeboot", "write /etc/containerd/config.toml",
                     "write /etc/crictl.yaml", "restart containerd.service"}));
    EXPECT_EQ(node.host.content(kFile)->find("disabled_plugins"), std::string::npos);
}

TEST_F(ContainerdConfigPhase, plan_on_a_bare_machine_is_computable) {
    FakeNode bare;
    const auto lines = planned(bare, *make_containerd_config_phase(bare.config, bare.cri, bare.clock));
    ASSERT_EQ(lines.size(), 4U) << lines.front();
    EXPECT_EQ(lines[0], "/etc/containerd/config.toml: absent -> present; write /etc/containerd/config.toml (0644)");
}

TEST_F(ContainerdConfigPhase, edited_config_is_written_again_and_read) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.put(kFile, *node.host.content(kFile) + "oom_score = 1\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, (Lines{"write /etc/containerd/config.toml", "restart containerd.service"}));
}

TEST_F(ContainerdConfigPhase, crash_between_config_and_restart_is_mended) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units[kUnit].started = node.clock.wall() - std::chrono::seconds(2);
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"restart containerd.service"});
}

TEST_F(ContainerdConfigPhase, daemon_older_than_its_unit_is_restarted_when_the_unit_is_nodeboots) {
    ASSERT_TRUE(node.converge(*phase()));
    node.clock.advance(std::chrono::minutes(1));
    node.host.now = node.clock.wall();
    node.host.put(std::string(kContainerdUnitFile), "[Service]\nExecStart=/opt/containerd\n");
    EXPECT_EQ(planned(node, *phase()), Lines{});
    node.host.put(std::string(kContainerdUnitFile),
                  "# Made by nodeboot for the containerd of its bundle.\n[Service]\n");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"restart containerd.service"});
}

TEST_F(ContainerdConfigPhase, stopped_daemon_is_started_once) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units[kUnit].active = "failed";
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"start containerd.service"});
}

TEST_F(ContainerdConfigPhase, lost_crictl_yaml_restarts_nothing) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.files.erase("/etc/crictl.yaml");
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/crictl.yaml"});
}

TEST_F(ContainerdConfigPhase, mirrors_come_and_go_without_a_restart_and_those_of_others_stay) {
    ASSERT_TRUE(node.converge(*phase()));
    node.host.put("/etc/containerd/certs.d/quay.io/hosts.toml", "server = \"https://quay.io\"\n");
    node.config.containerd.registry_mirrors = {{"docker.io", {"https://mirror.example"}}};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/containerd/certs.d/docker.io/hosts.toml"});
    node.config.containerd.registry_mirrors.clear();
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"remove /etc/containerd/certs.d/docker.io/hosts.toml"});
}

TEST_F(ContainerdConfigPhase, mirrors_of_all_registries_stand_where_containerd_looks_for_them) {
    ASSERT_TRUE(node.converge(*phase()));
    node.config.containerd.registry_mirrors = {{"*", {"https://mirror.example"}}};
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"write /etc/containerd/certs.d/_default/hosts.toml"});
    // containerd would take a server for the one of every registry; without one it asks the image's own.
    const auto text = node.host.content("/etc/containerd/certs.d/_default/hosts.toml").value_or("server = absent");
    EXPECT_EQ(text.find("server ="), std::string::npos);
    node.config.containerd.registry_mirrors.clear();
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.log, Lines{"remove /etc/containerd/certs.d/_default/hosts.toml"});
}

TEST_F(ContainerdConfigPhase, config_with_a_fragment_of_the_user_s_is_root_s_alone) {
    ASSERT_TRUE(node.converge(*phase()));
    EXPECT_EQ(node.host.files[kFile].info.mode, 0644U);
    node.config.containerd.extra_config =
        "[plugins.'io.containerd.grpc.v1.cri'.registry.configs.'r.io'.auth]\npassword = 'hunter2hunter2'\n";
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.files[kFile].info.mode, 0600U);
    node.host.files[kFile].info.mode = 0644;
    expect_converges(node, *phase());
    EXPECT_EQ(node.host.files[kFile].info.mode, 0600U);
    EXPECT_EQ(node.host.log.size(), 1U) << "a mode needs no restart";
}

TEST_F(ContainerdConfigPhase, layout_follows_the_installed_version) {
    node.config.kubernetes.version = {1, 36, std::nullopt};
    EXPECT_NE(error_of(node, *phase()).find("Kubernetes 1.36 needs containerd 2.x"), std::string::npos);
    install(node, "2.1.5-1");
    ASSERT_TRUE(node.converge(*phase()));
    EXPECT_NE(node.host.content(kFile)->find("version = 3"), std::string::npos);
    node.config.kubernetes.version = {1, 25, std::nullopt};
    EXPECT_NE(error_of(node, *phase()).find("v1alpha2"), std::string::npos);
}

TEST_F(ContainerdConfigPhase, verify_believes_cri_and_not_the_file) {
    ASSERT_TRUE(node.converge(*phase()));
    auto step = node.step();
    node.cri.state = CriStatus{.runtime_name = "containerd",
                               .runtime_version = "1.7.24",
                               .runtime_ready = true,
                               .systemd_cgroup = true,
                               .sandbox_image = "registry.k8s.io/pause:3.10.1"};
    EXPECT_TRUE(phase()->verify(node.host, step));
    node.cri.state->systemd_cgroup = false;
    EXPECT_EQ(phase()->verify(node.host, step).error().message,
              "containerd 1.7.24 runs with SystemdCgroup = false, and /etc/containerd/config.toml says true");
    node.cri.state->systemd_cgroup = true;
    node.cri.state->sandbox_image = "registry.k8s.io/pause:3.8";
    EXPECT_FALSE(phase()->verify(node.host, step));
    node.cri.state->runtime_ready = false;
    EXPECT_EQ(phase()->verify(node.host, step).error().kind, ErrorKind::timeout);
    node.cri.state.reset();
    EXPECT_EQ(phase()->verify(node.host, step).error().kind, ErrorKind::unavailable);
}

TEST(ContainerdVersion, comes_from_dpkg_then_cri_then_the_program) {
    FakeNode node;
    EXPECT_EQ(containerd_version(node.host, node.cri, node.clock).value(), std::nullopt);
    node.host.put("/usr/local/bin/containerd", "", 0755);
    node.host.programs["/usr/local/bin/containerd --version"] = [](const Command&) {
        return CommandOutput{
            0, "containerd github.com/containerd/containerd v2.0.5 fb4c30d4ede3531652d86197bf3fc9515e5276d9\n", ""};
    };
    EXPECT_EQ(containerd_version(node.host, node.cri, node.clock).value()->text(), "2.0.5");
    node.cri.state = CriStatus{.runtime_name = "containerd", .runtime_version = "v2.1.4"};
    EXPECT_EQ(containerd_version(node.host, node.cri, node.clock).value()->text(), "2.1.4");
    install(node, "1.6.20~ds1-1+deb12u3");
    EXPECT_EQ(containerd_version(node.host, node.cri, node.clock).value()->text(), "1.6.20");
}

// Debian's containerd 2.x is installed and runs, and a bundle brings 1.7, or the other way round.
class ContainerdOfABundle : public ::testing::Test {
   protected:
    ContainerdOfABundle() {
        node.host.now = node.clock.wall() - std::chrono::hours(1);
        install(node, "2.1.5-1");
        node.host.units[kUnit] = running_unit(node.clock.wall() - std::chrono::minutes(30));
        node.cri.state = CriStatus{.runtime_name = "containerd", .runtime_version = "2.1.5"};
        node.host.now = node.clock.wall();
        put_bundle("1.7.24");
    }
    void put_bundle(const std::string& version) {
        node.host.put(kContainerdUnitFile, "# Made by nodeboot for a test.\n[Service]\nExecStart=" + program + "\n");
        node.host.put(program, "", 0755);
        node.host.programs[program + " --version"] = [version](const Command&) {
            return CommandOutput{0, "containerd github.com/containerd/containerd v" + version + " 88bf19b2\n", ""};
        };
    }
    std::string version() {
        const auto found = containerd_version(node.host, node.cri, node.clock);
        return !found ? found.error().text() : *found ? (*found)->text() : "none";
    }
    std::shared_ptr<const NodePhase> phase() { return make_containerd_config_phase(node.config, node.cri, node.clock); }
    const std::string program = "/usr/local/bin/containerd";
    FakeNode node;
};

TEST_F(ContainerdOfABundle, is_configured_and_not_the_package_that_still_runs) {
    EXPECT_EQ(version(), "1.7.24");
    ASSERT_TRUE(node.converge(*phase()));
    EXPECT_NE(node.host.content(kFile)->find("version = 2\n"), std::string::npos);
    EXPECT_EQ(node.host.log.back(), "restart containerd.service");
}

TEST_F(ContainerdOfABundle, that_runs_is_asked_over_cri) {
    node.clock.advance(std::chrono::minutes(1));
    node.host.units[kUnit].started = node.clock.wall();
    node.cri.state->runtime_version = "1.7.24";
    node.host.programs.clear();
    EXPECT_EQ(version(), "1.7.24");
}

TEST_F(ContainerdOfABundle, that_was_replaced_is_asked_itself) {
    node.clock.advance(std::chrono::minutes(1));
    node.host.units[kUnit].started = node.clock.wall();
    node.cri.state->runtime_version = "1.7.24";
    node.clock.advance(std::chrono::minutes(1));
    node.host.now = node.clock.wall();
    put_bundle("2.2.0");
    EXPECT_EQ(version(), "2.2.0");
    // A damaged one is no reason to give up: containerd-install mends it before.
    node.host.programs.clear();
    EXPECT_EQ(version(), "1.7.24");
}

TEST_F(ContainerdOfABundle, that_is_not_there_yet_is_not_taken_for_the_package) {
    node.host.files.erase(kContainerdUnitFile);
    install(node, "1.7.24-1");
    node.config.kubernetes.version = {1, 36, std::nullopt};
    EXPECT_NE(error_of(node, *phase()).find("Kubernetes 1.36 needs containerd 2.x"), std::string::npos);
    node.config.containerd.source = ContainerdSource::bundle;
    EXPECT_EQ(error_of(node, *phase()), "");
}

/// Counts how often a file is read.
struct Reading final : HostView {
    explicit Reading(const HostView& inner) : host(inner) {}
    Result<std::optional<std::string>> read(const Path& path) const override {
        ++reads[path.string()];
        return host.read(path);
    }
    Result<std::optional<FileInfo>> stat(const Path& path) const override { return host.stat(path); }
    Result<std::vector<std::string>> list(const Path& path) const override { return host.list(path); }
    Result<DiskSpace> space(const Path& path) const override { return host.space(path); }
    Result<UnitState> unit(const std::string& name) const override { return host.unit(name); }
    Result<bool> needs_reload(const std::string& name) const override { return host.needs_reload(name); }
    Result<CommandOutput> query(const Command& command) const override { return host.query(command); }
    const HostView& host;
    mutable std::map<std::string, int> reads;
};

TEST_F(ContainerdOfABundle, has_its_unit_read_once_in_a_plan) {
    node.config.containerd.source = ContainerdSource::bundle;
    const Reading reading(node.host);
    ASSERT_TRUE(phase()->plan(reading));
    EXPECT_EQ(reading.reads[kContainerdUnitFile], 1);
}

TEST_F(ContainerdOfABundle, whose_unit_was_written_after_the_start_is_restarted) {
    node.clock.advance(std::chrono::minutes(1));
    ASSERT_TRUE(node.converge(*phase()));
    node.host.units[kUnit].started = node.clock.wall();
    node.cri.state->runtime_version = "1.7.24";
    ASSERT_EQ(planned(node, *phase()), Lines{});
    node.clock.advance(std::chrono::minutes(1));
    node.host.now = node.clock.wall();
    node.host.put(kContainerdUnitFile, *node.host.content(kContainerdUnitFile));
    EXPECT_EQ(planned(node, *phase()),
              Lines{"containerd.service: was started before its unit was written -> restarted; restart "
                    "containerd.service"});
}

TEST(ContainerdVersion, is_dpkg_s_where_a_unit_of_the_owner_s_starts_the_package_s_program) {
    FakeNode node;
    install(node, "1.6.20~ds1-1+deb12u3");
    node.host.put(kContainerdUnitFile, "[Service]\nExecStart=-/usr/bin/containerd --log-level debug\n");
    EXPECT_EQ(containerd_version(node.host, node.cri, node.clock).value()->text(), "1.6.20");
}

}  // namespace
}  // namespace nodeboot::testing
