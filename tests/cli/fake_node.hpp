// A node whose phases are a few lines of memory, and everything else that a command needs, for tests.
#pragma once

#include <map>

#include "cli/app.hpp"
#include "support/fake_host.hpp"
#include "support/manual_clock.hpp"

namespace nodeboot::cli::testing {

/// The machine: a map of values that phases want otherwise.
struct FakeMachine {
    std::map<std::string, std::string> now, wanted;
    std::string broken;     ///< the subject whose change fails
    std::string unhealthy;  ///< the phase that does not verify
    std::function<void(const std::string& subject)> on_change;
    std::function<Result<void>()> api = [] { return Result<void>(); };  ///< the API server, asked by rotate-token
    NodeFacts facts;
};

inline Runnable fake_phase(FakeMachine& machine, PhaseInfo info, std::vector<std::string> subjects) {
    const auto plan = [&machine, subjects]() -> Result<std::vector<RunnableChange>> {
        std::vector<RunnableChange> changes;
        for (const auto& subject : subjects) {
            if (machine.now[subject] == machine.wanted[subject]) continue;
            changes.push_back({subject, machine.now[subject], machine.wanted[subject], "set " + subject,
                               [&machine, subject](StepContext& step) -> Result<void> {
                                   if (machine.on_change) machine.on_change(subject);
                                   step.progress("setting " + subject);
                                   NB_CHECK(step.clock.sleep(std::chrono::milliseconds(1500)));
                                   if (subject == machine.broken)
                                       return fail(ErrorKind::io, subject + " cannot be set: the disk is on fire",
                                                   "put it out");
                                   machine.now[subject] = machine.wanted[subject];
                                   return {};
                               }});
        }
        return changes;
    };
    const auto verify = [&machine, name = info.name](StepContext&) -> Result<void> {
        if (name == machine.unhealthy) return fail(ErrorKind::timeout, "it does not answer", "look at its log");
        return {};
    };
    return {std::move(info), plan, verify};
}

class FakeNode final : public Node {
   public:
    explicit FakeNode(FakeMachine& machine) : machine_(machine) {}
    Result<Catalog> catalog() override {
        return Catalog::make(
            {fake_phase(machine_, {"sysctl", "kernel settings", {}}, {"net.ipv4.ip_forward", "vm.swappiness"}),
             fake_phase(machine_, {"containerd", "the container runtime", {"sysctl"}}, {"/etc/containerd/config.toml"}),
             fake_phase(machine_, {"kubelet", "kubelet and its unit", {"containerd"}}, {"kubelet.service"})});
    }
    Result<Catalog> repair_catalog(const RepairOptions&) override { return catalog(); }
    Result<Catalog> reset_catalog() override {
        return Catalog::make({fake_phase(machine_, {"leave-cluster", "leave", {}}, {"membership"})});
    }
    Result<Catalog> bake_catalog() override { return catalog(); }
    Result<Catalog> rotate_catalog() override {
        auto phase = fake_phase(machine_, {"node-roles", "labels", {}}, {"role of w1"});
        phase.plan = [this, look = phase.plan]() -> Result<std::vector<RunnableChange>> {
            NB_CHECK(machine_.api());
            return look();
        };
        return Catalog::make({phase});
    }
    NodeFacts facts() override { return machine_.facts; }

   private:
    FakeMachine& machine_;
};

/// Runs command lines and keeps what they print.
struct Harness {
    Harness() {
        for (const char* subject : {"net.ipv4.ip_forward", "vm.swappiness"})
            machine.now[subject] = machine.wanted[subject] = "1";
        machine.now["/etc/containerd/config.toml"] = machine.wanted["/etc/containerd/config.toml"] = "12 lines";
        machine.now["kubelet.service"] = machine.wanted["kubelet.service"] = "running";
        machine.now["membership"] = machine.wanted["membership"] = "none";
        surroundings.runs_folder = "/var/lib/nodeboot/runs";
        surroundings.lock_path = "/tmp/nodeboot-test-" + std::to_string(::getpid()) + ".lock";
        surroundings.pid = 812;
        host.put("/proc/sys/kernel/hostname", "ip-10-0-1-5\n");
        host.put("/proc/uptime", "12.50 20.00\n");
    }
    ~Harness() { std::filesystem::remove(surroundings.lock_path); }

    ExitCode run(std::vector<std::string> arguments) {
        out.clear();
        err.clear();
        if (!arguments.empty() && arguments[0] != "completion" && arguments[0] != "version") {
            arguments.emplace_back("--config");
            arguments.push_back(config_file);
        }
        return cli::run(arguments, surroundings);
    }

    std::string out, err, console;
    std::string config_file = "/dev/null";
    std::string node_s_config_file;  ///< as the node was told
    FakeMachine machine;
    nodeboot::testing::ManualClock clock;
    nodeboot::testing::FakeHost host;
    Surroundings surroundings{.out = [this](std::string_view text) { out += text; },
                              .err = [this](std::string_view text) { err += text; },
                              .out_terminal = {},
                              .err_terminal = {},
                              .clock = clock,
                              .host = host,
                              .make_node = [this](const Config&, const std::string& file, const Log&,
                                                  std::stop_token) -> Result<std::unique_ptr<Node>> {
                                  node_s_config_file = file;
                                  return std::make_unique<FakeNode>(machine);
                              },
                              .make_aws = {},
                              .make_http = {},
                              .ask = {},
                              .open_console = [this]() -> ConsoleRecords::Writer {
                                  return [this](std::string_view line) { console += line; };
                              }};
};

}  // namespace nodeboot::cli::testing
