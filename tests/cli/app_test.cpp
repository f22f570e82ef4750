#include "cli/app.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/fake_node.hpp"
#include "engine/record.hpp"

namespace nodeboot::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::vector<std::string> keys_of(const nlohmann::json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(key);
    return keys;
}

struct NodeCommands : ::testing::Test, Harness {
    void drift() {
        machine.now["net.ipv4.ip_forward"] = "0";
        machine.now["/etc/containerd/config.toml"] = "absent";
    }
};

TEST_F(NodeCommands, plan_of_a_converged_machine_is_exit_0_and_writes_nothing) {
    EXPECT_EQ(run({"node", "plan"}), exit_ok);
    EXPECT_EQ(out, "Nothing to change; 3 phases as they should be (0ms).\n");
    EXPECT_THAT(err, IsEmpty());
    EXPECT_THAT(host.log, IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(surroundings.lock_path));
}

TEST_F(NodeCommands, plan_shows_each_change_and_is_exit_2) {
    drift();
    EXPECT_EQ(run({"node", "plan"}), exit_pending);
    EXPECT_EQ(out,
              "sysctl\n"
              "  net.ipv4.ip_forward: 0 -> 1\n"
              "containerd\n"
              "  /etc/containerd/config.toml: absent -> 12 lines\n"
              "\n"
              "2 changes to make in 2 phases; 1 phase as it should be (0ms).\n");
    EXPECT_EQ(machine.now["net.ipv4.ip_forward"], "0");
}

TEST_F(NodeCommands, plan_as_json_lists_changes_by_phase_and_flat) {
    drift();
    EXPECT_EQ(run({"node", "plan", "--output", "json", "--only", "sysctl"}), exit_pending);
    const auto json = nlohmann::json::parse(out);
    EXPECT_EQ(json["format"], 1);
    EXPECT_EQ(json["command"], "node plan");
    EXPECT_EQ(json["ok"], true);
    EXPECT_EQ(json["changed"], true);
    EXPECT_EQ(json["phases"][0]["outcome"], "pending");
    EXPECT_EQ(json["phases"][1]["outcome"], "skipped");
    EXPECT_EQ(json["changes"],
              nlohmann::json::parse(R"([{"phase": "sysctl", "subject": "net.ipv4.ip_forward", "from": "0", "to": "1",
                                                          "action": "set net.ipv4.ip_forward"}])"));
}

TEST_F(NodeCommands, up_prints_each_change_records_the_run_and_speaks_on_the_console) {
    drift();
    EXPECT_EQ(run({"node", "up"}), exit_ok);
    EXPECT_THAT(out, HasSubstr("sysctl: net.ipv4.ip_forward: 0 -> 1\nsysctl: setting net.ipv4.ip_forward\n"
                               "sysctl: changed, 1 change in 1.5s\n"));
    EXPECT_THAT(out, HasSubstr("Done: 2 changes in 2 phases, 3.0s."));
    EXPECT_THAT(err, IsEmpty());
    EXPECT_EQ(machine.now, machine.wanted);

    ASSERT_TRUE(host.files.contains("/var/lib/nodeboot/runs/20261123T000000Z-812.json"));
    const auto& file = host.files["/var/lib/nodeboot/runs/20261123T000000Z-812.json"];
    EXPECT_EQ(file.info.mode, 0600U);
    EXPECT_EQ(host.files["/var/lib/nodeboot/runs"].info.mode, 0700U);
    const auto record = parse_record(file.content);
    ASSERT_TRUE(record) << record.error().text();
    EXPECT_TRUE(record->finished);
    EXPECT_EQ(record->node, "ip-10-0-1-5");
    EXPECT_EQ(record->since_boot, std::chrono::milliseconds(12500));
    EXPECT_EQ(record->report.phases[0].changes[0].from, "0");

    EXPECT_THAT(console, HasSubstr("nodeboot: 2026-11-23T00:00:00Z run began command=\"node up\" version="));
    EXPECT_THAT(console,
                HasSubstr("nodeboot: 2026-11-23T00:00:01Z phase=sysctl outcome=changed changes=1 took=1.5s\r\n"));
    EXPECT_THAT(console, HasSubstr("run outcome=ready phases_changed=2 took=3.0s\r\n"));
    EXPECT_THAT(console, Not(HasSubstr("kubelet")));
}

TEST_F(NodeCommands, bake_leaves_no_record_in_the_image) {
    drift();
    EXPECT_EQ(run({"node", "bake"}), exit_ok);
    EXPECT_EQ(machine.now, machine.wanted);
    for (const auto& [path, node] : host.files) EXPECT_FALSE(path.starts_with("/var/lib/nodeboot/runs")) << path;
}

TEST_F(NodeCommands, a_second_up_changes_nothing) {
    drift();
    run({"node", "up"});
    EXPECT_EQ(run({"node", "up"}), exit_ok);
    EXPECT_EQ(out, "Nothing to change: the machine is as it should be, 0ms.\n");
}

TEST_F(NodeCommands, a_failure_says_what_why_what_next_and_what_had_to_wait) {
    drift();
    machine.broken = "/etc/containerd/config.toml";
    EXPECT_EQ(run({"node", "up"}), exit_error);
    EXPECT_THAT(out, HasSubstr("error: containerd: failed after 1.5s: "));
    EXPECT_EQ(err,
              "nodeboot: phase containerd, /etc/containerd/config.toml (absent -> 12 lines): "
              "/etc/containerd/config.toml cannot be set: "
              "the disk is on fire\n"
              "  what to do: put it out\n"
              "  not begun: kubelet\n");
    EXPECT_THAT(out, HasSubstr("Failed: 1 phase failed, 1 not begun, 1 change made, 3.0s.\n"));
    EXPECT_THAT(console, AllOf(HasSubstr("phase=containerd failed kind=i/o message=\"phase containerd, "),
                               HasSubstr("hint=\"put it out\""), HasSubstr("run outcome=failed")));
}

TEST_F(NodeCommands, up_as_json_keeps_standard_output_for_the_document) {
    drift();
    machine.unhealthy = "containerd";
    EXPECT_EQ(run({"node", "up", "--output", "json"}), exit_error);
    const auto json = nlohmann::json::parse(out);
    EXPECT_THAT(keys_of(json), ElementsAre("changed", "changes", "command", "format", "ok", "phases", "took_ms"));
    EXPECT_EQ(json["ok"], false);
    const auto& phase = json["phases"][1];
    EXPECT_EQ(phase["error"]["kind"], "timeout");
    EXPECT_EQ(phase["error"]["hint"], "look at its log");
    EXPECT_EQ(phase["changes"][0]["done"], true);
    EXPECT_EQ(phase["changes"][0]["took_ms"], 1500.0);
    EXPECT_THAT(err, HasSubstr("sysctl: net.ipv4.ip_forward: 0 -> 1\n"));
}

TEST_F(NodeCommands, a_stop_ends_cleanly_and_says_what_is_left) {
    drift();
    machine.on_change = [&](const std::string&) { surroundings.stop.request_stop(); };
    EXPECT_EQ(run({"node", "up"}), exit_stopped);
    EXPECT_THAT(out, HasSubstr("Stopped after 1.5s, 1 change made; a rerun goes on from here.\n"
                               "  done: sysctl\n"
                               "  left: containerd, kubelet\n"));
    EXPECT_THAT(console, HasSubstr("run outcome=stopped"));
}

TEST_F(NodeCommands, a_wrong_configuration_touches_nothing_and_is_on_the_console) {
    drift();
    EXPECT_EQ(run({"node", "up", "--set", "network.pod_cidr=10.0.0.0/16", "--set", "node.role=boss"}), exit_error);
    EXPECT_THAT(err, HasSubstr("nodeboot: the configuration has 2 mistakes\n  --set: node.role: 'boss' is not one of"));
    EXPECT_THAT(err, HasSubstr("\n  --set: network.pod_cidr: 10.0.0.0/16 overlaps"));
    EXPECT_THAT(console, HasSubstr("run failed kind=invalid-input message=\"the configuration has 2 mistakes"));
    EXPECT_EQ(machine.now["net.ipv4.ip_forward"], "0");
    EXPECT_THAT(host.log, IsEmpty());
}

TEST_F(NodeCommands, an_unknown_phase_is_answered_with_the_nearest) {
    EXPECT_EQ(run({"node", "up", "--only", "sysclt"}), exit_error);
    EXPECT_EQ(err, "nodeboot: there is no phase 'sysclt' here\n  what to do: did you mean 'sysctl'?\n");
}

TEST_F(NodeCommands, a_failure_before_the_run_is_a_json_document_too) {
    EXPECT_EQ(run({"node", "up", "--only", "sysclt", "--output", "json"}), exit_error);
    const auto json = nlohmann::json::parse(out);
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["error"]["kind"], "invalid input");
}

TEST_F(NodeCommands, a_record_that_cannot_be_written_does_not_stop_the_run) {
    drift();
    host.full = "/var/lib/nodeboot";
    EXPECT_EQ(run({"node", "up"}), exit_ok);
    EXPECT_THAT(err + out, HasSubstr("warning: this run leaves no record: "));
    EXPECT_EQ(machine.now, machine.wanted);
}

TEST_F(NodeCommands, reset_wants_a_yes) {
    machine.now["membership"] = "member";
    EXPECT_EQ(run({"node", "reset"}), exit_error);
    EXPECT_THAT(
        err, HasSubstr("`node reset` needs a yes, and nobody is here to ask\n  what to do: --yes says it beforehand"));
    std::string asked;
    surroundings.ask = [&](const std::string& question) {
        asked = out + question;
        return std::optional<std::string>("no");
    };
    EXPECT_EQ(run({"node", "reset"}), exit_stopped);
    EXPECT_THAT(asked, HasSubstr("membership: member -> none"));
    EXPECT_EQ(machine.now["membership"], "member");
    EXPECT_EQ(run({"node", "reset", "--yes"}), exit_ok);
    EXPECT_EQ(machine.now["membership"], "none");
}

TEST_F(NodeCommands, rotate_token_is_silent_and_leaves_no_record_when_there_is_nothing_to_do) {
    EXPECT_EQ(run({"node", "rotate-token"}), exit_ok);
    EXPECT_EQ(out + err + console, "");
    EXPECT_THAT(host.log, IsEmpty());
}

/// What a timer starts: an API server that is away for a while is no failure, one that stays away is.
struct RotateToken : NodeCommands {
    RotateToken() {
        machine.now["role of w1"] = "none";
        machine.wanted["role of w1"] = "worker";
        machine.api = [this]() -> Result<void> {
            ++looks;
            if (clock.steady() < back) return fail(trouble);
            return {};
        };
    }
    void away_for(Duration time) { back = clock.steady() + time; }

    Error trouble{ErrorKind::unavailable, "503 etcdserver: too many requests", "", {}};
    SteadyTime back{};
    unsigned looks = 0;
};

TEST_F(RotateToken, waits_for_what_passes_and_shows_no_error) {
    surroundings.out_terminal.journal = surroundings.err_terminal.journal = true;
    for (const auto kind : {ErrorKind::unavailable, ErrorKind::timeout, ErrorKind::permission, ErrorKind::conflict}) {
        machine.now["role of w1"] = "none";
        trouble.kind = kind;
        away_for(std::chrono::seconds(40));
        EXPECT_EQ(run({"node", "rotate-token", "--wait", "2m"}), exit_ok) << err;
        EXPECT_EQ(machine.now["role of w1"], "worker");
        EXPECT_THAT(out + err, HasSubstr("<6>trying again for 2m: phase node-roles, looking: 503 etcdserver"));
        EXPECT_THAT(out + err, Not(HasSubstr("<3>"))) << "nothing for whoever watches the journal for errors";
    }
}

TEST_F(RotateToken, says_after_how_long_it_gave_up) {
    away_for(std::chrono::hours(1));
    const auto began = clock.steady();
    EXPECT_EQ(run({"node", "rotate-token", "--wait", "2m"}), exit_error);
    EXPECT_GT(clock.steady() - began, std::chrono::seconds(90));
    EXPECT_LE(clock.steady() - began, std::chrono::minutes(2));
    EXPECT_THAT(err, HasSubstr("tried for 2m: phase node-roles, looking: 503 etcdserver: too many requests"));
    EXPECT_LT(looks, 40U);
}

TEST_F(RotateToken, without_wait_fails_at_once_and_so_does_what_cannot_pass) {
    away_for(std::chrono::seconds(1));
    EXPECT_EQ(run({"node", "rotate-token"}), exit_error);
    trouble.kind = ErrorKind::refused;
    EXPECT_EQ(run({"node", "rotate-token", "--wait", "2m"}), exit_error);
    EXPECT_EQ(looks, 2U);
    EXPECT_THAT(err, Not(HasSubstr("tried for")));
}

/// Somebody does something while it waits.
struct Meanwhile final : Clock {
    explicit Meanwhile(Clock& inner, std::function<void()> what) : clock(inner), act(std::move(what)) {}
    WallTime wall() const override { return clock.wall(); }
    SteadyTime steady() const override { return clock.steady(); }
    Result<void> sleep(Duration duration, std::stop_token stop) override {
        if (const auto once = std::exchange(act, nullptr)) once();
        return clock.sleep(duration, std::move(stop));
    }
    Clock& clock;
    std::function<void()> act;
};

TEST_F(RotateToken, leaves_the_lock_to_others_while_it_waits) {
    away_for(std::chrono::seconds(10));
    ExitCode other = exit_error;
    Meanwhile waiting(clock, [&] { other = run({"node", "up", "--lock-timeout", "0s"}); });
    Surroundings patient{.out = surroundings.out,
                         .err = surroundings.err,
                         .out_terminal = {},
                         .err_terminal = {},
                         .clock = waiting,
                         .host = host,
                         .make_node = surroundings.make_node,
                         .make_aws = {},
                         .make_http = {},
                         .ask = {},
                         .lock_path = surroundings.lock_path};
    EXPECT_EQ(cli::run({"node", "rotate-token", "--wait", "2m", "--config", "/dev/null"}, patient), exit_ok);
    EXPECT_EQ(other, exit_ok) << err;
}

TEST_F(NodeCommands, the_node_is_told_which_file_to_read_again_unless_it_is_the_usual_one) {
    EXPECT_EQ(run({"node", "status"}), exit_ok);
    EXPECT_EQ(node_s_config_file, "/dev/null");
    config_file = "../../../../../../../../../../dev/./null";
    EXPECT_EQ(run({"node", "up"}), exit_ok);
    EXPECT_EQ(node_s_config_file, "/dev/null");
}

TEST_F(NodeCommands, what_set_gives_is_said_to_be_for_this_run_alone) {
    EXPECT_EQ(run({"node", "up", "--set", "node.role=worker"}), exit_ok);
    EXPECT_THAT(out + err, HasSubstr("--set is for this run alone: nodeboot at boot and its timers read /dev/null"));
    EXPECT_EQ(run({"node", "up"}), exit_ok);
    EXPECT_EQ((out + err).find("--set"), std::string::npos) << err;
}

TEST_F(NodeCommands, errors_reach_the_journal_with_their_priority) {
    surroundings.err_terminal.journal = true;
    EXPECT_EQ(run({"node", "up", "--only", "sysclt"}), exit_error);
    EXPECT_EQ(err, "<3>nodeboot: there is no phase 'sysclt' here\n<3>  what to do: did you mean 'sysctl'?\n");
}

TEST_F(NodeCommands, status_shows_phases_versions_certificates_and_readiness) {
    drift();
    machine.unhealthy = "kubelet";
    machine.facts.name = "ip-10-0-1-5";
    machine.facts.ready = false;
    machine.facts.ready_message = "container runtime network not ready";
    machine.facts.versions = {{"nodeboot", "0.1.0"}, {"kubelet", "v1.35.2"}};
    machine.facts.certificates = {{"apiserver", clock.wall() + std::chrono::hours(24 * 90 + 1)},
                                  {"kubelet client", clock.wall() - std::chrono::hours(1)}};
    EXPECT_EQ(run({"node", "status"}), exit_error);
    EXPECT_EQ(out,
              "ip-10-0-1-5: worker of cluster nodeboot, NotReady: container runtime network\n"
              "not ready\n"
              "\n"
              "Phases\n"
              "  ! sysctl                drifted: net.ipv4.ip_forward: 0 -> 1\n"
              "  ! containerd            drifted: /etc/containerd/config.toml: absent -> 12\n"
              "                          lines\n"
              "  x kubelet               failed: phase kubelet, verifying: it does not answer\n"
              "\n"
              "Versions\n"
              "    nodeboot              0.1.0\n"
              "    kubelet               v1.35.2\n"
              "\n"
              "Certificates\n"
              "    apiserver             expires in 90 days, on 2027-02-21\n"
              "    kubelet client        EXPIRED on 2026-11-22\n");
    EXPECT_EQ(run({"node", "status", "--output", "json"}), exit_error);
    const auto json = nlohmann::json::parse(out);
    EXPECT_EQ(json["ready"], false);
    EXPECT_EQ(json["certificates"][0]["name"], "apiserver");
    EXPECT_EQ(json["versions"]["kubelet"], "v1.35.2");
}

TEST_F(NodeCommands, status_of_a_node_whose_certificate_has_expired_is_not_as_it_should_be) {
    machine.facts.ready = true;
    machine.facts.certificates = {{"apiserver", clock.wall() + std::chrono::hours(1)}};
    EXPECT_EQ(run({"node", "status"}), exit_ok);
    machine.facts.certificates.push_back({"scheduler", clock.wall() - std::chrono::hours(1)});
    EXPECT_EQ(run({"node", "status"}), exit_pending);
}

TEST_F(NodeCommands, timeline_draws_the_newest_run_or_the_one_named) {
    drift();
    run({"node", "up"});
    EXPECT_EQ(run({"node", "timeline"}), exit_ok);
    EXPECT_THAT(out,
                HasSubstr("node up on ip-10-0-1-5, 2026-11-23T00:00:00Z\nready, 3.0s; 15.5s after the kernel began\n"));
    EXPECT_EQ(run({"node", "timeline", "--svg", "/tmp/boot.svg"}), exit_ok);
    EXPECT_THAT(host.content("/tmp/boot.svg").value_or(""), HasSubstr("<svg "));
    EXPECT_EQ(run({"node", "timeline", "--run", "20261123T000000Z-813"}), exit_error);
    EXPECT_EQ(err,
              "nodeboot: there is no run 20261123T000000Z-813 in /var/lib/nodeboot/runs\n  what to do: the newest is "
              "20261123T000000Z-812\n");
}

TEST_F(NodeCommands, phases_lists_them_in_order) {
    EXPECT_EQ(run({"phases"}), exit_ok);
    EXPECT_EQ(out,
              "sysctl                kernel settings\n"
              "containerd            the container runtime\n"
              "kubelet               kubelet and its unit\n");
    EXPECT_EQ(run({"phases", "--names"}), exit_ok);
    EXPECT_EQ(out, "sysctl\ncontainerd\nkubelet\n");
}

TEST_F(NodeCommands, config_check_lists_mistakes_one_a_line) {
    config_file = "/tmp/nodeboot-test-" + std::to_string(::getpid()) + ".toml";
    std::ofstream(config_file) << "[network]\nvxlan_prt = 1\napi_port = 0\n";
    EXPECT_EQ(run({"config", "check"}), exit_error);
    EXPECT_EQ(err, config_file + ":2:1: network.vxlan_prt: there is no such key; did you mean network.vxlan_port?\n" +
                       config_file + ":3:12: network.api_port: 0 is outside 1 to 65535\n2 mistakes\n");
    EXPECT_EQ(run({"config", "check", "--output", "json"}), exit_error);
    EXPECT_EQ(nlohmann::json::parse(out)["mistakes"][1]["column"], 12);
    std::ofstream(config_file) << "[network]\nvxlan_port = 1\n";
    EXPECT_EQ(run({"config", "check"}), exit_ok);
    EXPECT_EQ(run({"config", "show", "--origin"}), exit_ok);
    EXPECT_THAT(out, HasSubstr("# " + config_file + ":2:14\n"));
    EXPECT_EQ(run({"config", "show", "--output", "json"}), exit_ok);
    EXPECT_EQ(nlohmann::json::parse(out)["settings"]["network.vxlan_port"]["value"], 1);
    std::filesystem::remove(config_file);
}

TEST_F(NodeCommands, config_show_shows_no_secret) {
    config_file = "/tmp/nodeboot-test-" + std::to_string(::getpid()) + ".toml";
    std::ofstream(config_file) << "[containerd.extra_config.plugins.cri.registry.configs.r.auth]\n"
                                  "password = 'hunter2'\n";
    for (const char* format : {"text", "json"}) {
        EXPECT_EQ(run({"config", "show", "--output", format}), exit_ok);
        EXPECT_THAT(out, AllOf(HasSubstr("extra_config"), HasSubstr("a registry's 'auth'"), Not(HasSubstr("hunter2"))));
    }
    EXPECT_EQ(run({"config", "check"}), exit_ok);
    EXPECT_THAT(err, AllOf(HasSubstr("warning: " + config_file + ":1:"), Not(HasSubstr("hunter2"))));
    std::filesystem::remove(config_file);
}

// nodeboot-node-roles.service reads it three times a minute.
TEST_F(NodeCommands, warnings_about_the_config_are_not_for_the_timers_jobs) {
    config_file = "/tmp/nodeboot-test-" + std::to_string(::getpid()) + ".toml";
    std::ofstream(config_file) << "[containerd.extra_config.plugins.cri.registry.configs.r.auth]\n"
                                  "password = 'hunter2'\n";
    EXPECT_EQ(run({"node", "plan"}), exit_ok);
    EXPECT_THAT(err, HasSubstr("warning: " + config_file + ":1:"));
    EXPECT_EQ(run({"node", "rotate-token"}), exit_ok);
    EXPECT_EQ(out + err, "");
    EXPECT_EQ(run({"node", "rotate-token", "--log-level", "debug"}), exit_ok);
    EXPECT_THAT(out + err, HasSubstr("debug: " + config_file + ":1:"));
    std::filesystem::remove(config_file);
}

TEST_F(NodeCommands, every_shell_gets_completions) {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        EXPECT_EQ(run({"completion", shell}), exit_ok);
        EXPECT_THAT(out, AllOf(HasSubstr("rotate-token"), HasSubstr("lock-timeout"), HasSubstr("network.pod_cidr=")));
    }
}

}  // namespace
}  // namespace nodeboot::cli
