#include "system/action.hpp"

#include <fmt/core.h>

#include "system/sysctl_path.hpp"

namespace nodeboot {
namespace {

template <class... F>
struct Overload : F... {
    using F::operator()...;
};

std::string mode_text(const FileAttributes& a) {
    return a.uid == 0 && a.gid == 0 ? fmt::format("{:04o}", a.mode) : fmt::format("{:04o} {}:{}", a.mode, a.uid, a.gid);
}

}  // namespace

std::string describe(const Action& action) {
    return std::visit(
        Overload{
            [](const WriteFile& a) { return fmt::format("write {} ({})", a.path.string(), mode_text(a.attributes)); },
            [](const CopyFile& a) {
                return fmt::format("copy {} to {} ({})", a.from.string(), a.to.string(), mode_text(a.attributes));
            },
            [](const MakeDirectory& a) {
                return fmt::format("make folder {} ({})", a.path.string(), mode_text(a.attributes));
            },
            [](const MakeSymlink& a) { return fmt::format("link {} to {}", a.path.string(), a.target); },
            [](const SetAttributes& a) {
                return fmt::format("chmod {} to {}", a.path.string(), mode_text(a.attributes));
            },
            [](const RemovePath& a) { return fmt::format("remove {}", a.path.string()); },
            [](const SetSysctl& a) { return fmt::format("set sysctl {}={}", a.key, a.value); },
            [](const LoadModule& a) { return fmt::format("load module {}", a.name); },
            [](const SwapOff& a) { return fmt::format("swapoff {}", a.device.string()); },
            [](const Unit& a) { return fmt::format("{} {}", to_string(a.verb), a.name); },
            [](const DaemonReload&) { return std::string("systemd daemon-reload"); },
            [](const RunCommand& a) { return fmt::format("run {}", to_text(a.argv)); },
            [](const Procedure& a) {
                return a.arguments.empty() ? a.name : fmt::format("{} {}", a.name, to_text(a.arguments));
            },
        },
        action);
}

Result<void> perform(const Action& action, ActionContext& context) {
    Host& host = context.host;
    return std::visit(Overload{
                          [&](const WriteFile& a) { return host.write(a.path, a.content, a.attributes); },
                          [&](const CopyFile& a) { return host.copy(a.from, a.to, a.attributes); },
                          [&](const MakeDirectory& a) { return host.make_directory(a.path, a.attributes); },
                          [&](const MakeSymlink& a) { return host.make_symlink(a.path, a.target); },
                          [&](const SetAttributes& a) { return host.set_attributes(a.path, a.attributes); },
                          [&](const RemovePath& a) { return host.remove(a.path); },
                          [&](const SetSysctl& a) { return host.write_kernel(sysctl_path(a.key), a.value + "\n"); },
                          [&](const LoadModule& a) -> Result<void> {
                              NB_CHECK(run_checked(host, {.argv = {"modprobe", "--", a.name}}));
                              return {};
                          },
                          [&](const SwapOff& a) { return host.swap_off(a.device); },
                          [&](const Unit& a) { return host.unit_verb(a.verb, a.name); },
                          [&](const DaemonReload&) { return host.daemon_reload(); },
                          [&](const RunCommand& a) -> Result<void> {
                              NB_CHECK(run_checked(host, {.argv = a.argv, .timeout = a.timeout}));
                              return {};
                          },
                          [&](const Procedure& a) { return a.run(context); },
                      },
                      action);
}

namespace {

std::vector<RunnableChange> runnable_changes(std::vector<NodeChange> changes, Host& host) {
    std::vector<RunnableChange> out;
    for (auto& change : changes) {
        auto action = std::make_shared<const Action>(std::move(change.action));
        out.push_back({std::move(change.subject), std::move(change.from), std::move(change.to), describe(*action),
                       [action, &host](StepContext& step) {
                           ActionContext context{host, step};
                           return nodeboot::perform(*action, context);
                       }});
    }
    return out;
}

}  // namespace

Runnable make_runnable(std::shared_ptr<const NodePhase> phase, Host& host) {
    Runnable runnable;
    runnable.info = phase->info();
    runnable.plan = [phase, &host]() -> Result<std::vector<RunnableChange>> {
        return runnable_changes(NB_TRY(phase->plan(host)), host);
    };
    runnable.verify = [phase, &host](StepContext& step) { return phase->verify(host, step); };
    return runnable;
}

Runnable make_undo_runnable(std::shared_ptr<const NodePhase> phase, Host& host) {
    Runnable runnable;
    runnable.info = phase->info();
    runnable.plan = [phase, &host]() -> Result<std::vector<RunnableChange>> {
        return runnable_changes(NB_TRY(phase->undo(host)), host);
    };
    runnable.verify = [](StepContext&) -> Result<void> { return {}; };
    return runnable;
}

}  // namespace nodeboot
