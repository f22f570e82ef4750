#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/result.hpp"

namespace nodeboot {

/// One difference between what is and what should be, and the action that removes it.
template <class Action>
struct Change {
    std::string subject;  ///< what: "/etc/sysctl.d/99-nodeboot.conf", "net.ipv4.ip_forward", "swap /dev/vdb"
    std::string from;     ///< as it is, for people: "0", "absent", "0644"
    std::string to;       ///< as it should be
    Action action;
    friend bool operator==(const Change&, const Change&) = default;
};

/// What a step may use while it waits or works.
struct StepContext {
    Clock& clock;
    const Log& log;
    std::stop_token stop;
    Deadline deadline;
    std::function<void(std::string_view)> progress = [](std::string_view) {};  ///< "pulling image 3 of 7"
};

struct PhaseInfo {
    std::string name;                ///< kebab-case, stable: users put it into --only, --skip and their dashboards
    std::string summary;             ///< one line, for `nodeboot phases`
    std::vector<std::string> needs;  ///< phases that must have converged before this one starts
    Duration timeout = std::chrono::minutes(5);  ///< of apply and verify together
    std::vector<std::string> units =
        {};  ///< of systemd, that planning asks about: a plan can ask for all of them ahead
};

/// A part of the machine specified. `plan` compares what is with what should be and returns the differences in the
/// order in which they are to be removed; it must be computable on a bare machine (before the phases it needs have
/// run), and empty when all is well. `verify` asks whether the thing behaves (socket answers, node Ready); it may wait
/// until the context's deadline. What a phase needs (config, stores, API clients) is given to its constructor.
/// `undo` is a plan of the way back: it removes what the phase may have made here, whatever the config says by now, and
/// nothing of anybody else's; it, too, must be empty once applied. It runs before the undoing of the phases it needs.
template <class View, class Action>
class Phase {
   public:
    virtual ~Phase() = default;
    virtual const PhaseInfo& info() const = 0;
    virtual Result<std::vector<Change<Action>>> plan(const View& view) const = 0;
    virtual Result<void> verify(const View&, StepContext&) const { return {}; }
    virtual Result<std::vector<Change<Action>>> undo(const View&) const { return std::vector<Change<Action>>{}; }
};

/// A change as the runner sees it: what to print and how to do it.
struct RunnableChange {
    std::string subject;
    std::string from;
    std::string to;
    std::string action;
    std::function<Result<void>(StepContext&)> apply;
};

/// A phase bound to its world (the host, or AWS), so that the runner is the same code for both.
struct Runnable {
    PhaseInfo info;
    std::function<Result<std::vector<RunnableChange>>()> plan;
    std::function<Result<void>(StepContext&)> verify;
};

}  // namespace nodeboot
