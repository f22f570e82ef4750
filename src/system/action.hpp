#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/phase.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// What a phase may ask to be done to the machine. Each is a value: comparable, printable, and done by perform() only.

struct WriteFile {
    Path path;
    std::string content;  ///< never a secret: a Procedure writes those
    FileAttributes attributes{};
    friend bool operator==(const WriteFile&, const WriteFile&) = default;
};
struct CopyFile {
    Path from;
    Path to;
    FileAttributes attributes{};
    friend bool operator==(const CopyFile&, const CopyFile&) = default;
};
struct MakeDirectory {
    Path path;
    FileAttributes attributes{0755, 0, 0};
    friend bool operator==(const MakeDirectory&, const MakeDirectory&) = default;
};
struct MakeSymlink {
    Path path;
    std::string target;
    friend bool operator==(const MakeSymlink&, const MakeSymlink&) = default;
};
struct SetAttributes {
    Path path;
    FileAttributes attributes{};
    friend bool operator==(const SetAttributes&, const SetAttributes&) = default;
};
struct RemovePath {
    Path path;
    friend bool operator==(const RemovePath&, const RemovePath&) = default;
};
/// key with dots or slashes as sysctl(8) takes it: "net.ipv4.ip_forward".
struct SetSysctl {
    std::string key;
    std::string value;
    friend bool operator==(const SetSysctl&, const SetSysctl&) = default;
};
struct LoadModule {
    std::string name;
    friend bool operator==(const LoadModule&, const LoadModule&) = default;
};
struct SwapOff {
    Path device;
    friend bool operator==(const SwapOff&, const SwapOff&) = default;
};
struct Unit {
    UnitVerb verb = UnitVerb::start;
    std::string name;
    friend bool operator==(const Unit&, const Unit&) = default;
};
struct DaemonReload {
    friend bool operator==(const DaemonReload&, const DaemonReload&) = default;
};
/// A program whose non-zero exit is a failure.
struct RunCommand {
    std::vector<std::string> argv;
    Duration timeout = std::chrono::minutes(5);
    friend bool operator==(const RunCommand&, const RunCommand&) = default;
};

/// What an action may use while it works, besides what a Procedure was made with.
struct ActionContext {
    Host& host;
    StepContext& step;  ///< clock, log, deadline, stop token, progress
};

/// An opaque step: several calls, a service that is not the host, or a secret (`kubeadm init`, `pull images`,
/// `publish join secret`). Two are equal when name and arguments are; `run` may be called again after a crash at any
/// point of an earlier run, so it must cope with its own half-done work.
struct Procedure {
    std::string name;
    std::vector<std::string> arguments;
    std::function<Result<void>(ActionContext&)> run;
    friend bool operator==(const Procedure& a, const Procedure& b) {
        return a.name == b.name && a.arguments == b.arguments;
    }
};

using Action = std::variant<WriteFile, CopyFile, MakeDirectory, MakeSymlink, SetAttributes, RemovePath, SetSysctl,
                            LoadModule, SwapOff, Unit, DaemonReload, RunCommand, Procedure>;

/// "write /etc/sysctl.d/99-nodeboot.conf (0644)", for logs and for tests.
std::string describe(const Action& action);

Result<void> perform(const Action& action, ActionContext& context);

using NodeChange = Change<Action>;
using NodePhase = Phase<HostView, Action>;

/// Makes phases of the host runnable by the engine.
Runnable make_runnable(std::shared_ptr<const NodePhase> phase, Host& host);
/// The same phase's undoing.
Runnable make_undo_runnable(std::shared_ptr<const NodePhase> phase, Host& host);

}  // namespace nodeboot
