#include "system/dnf.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

constexpr Duration kPoll = std::chrono::seconds(3);

// Phases run side by side; a second dnf would only wait for the first one's lock, out of its own time.
std::mutex& dnf_mutex() {
    static std::mutex mutex;
    return mutex;
}

std::vector<std::string> install_argv(const DnfRequest& request, bool refresh) {
    std::vector<std::string> argv{"dnf", "install", "--assumeyes", "--setopt=install_weak_deps=False"};
    if (refresh) argv.emplace_back("--refresh");
    if (!request.without_excludes_of.empty()) argv.push_back("--disableexcludes=" + request.without_excludes_of);
    argv.insert(argv.end(), request.packages.begin(), request.packages.end());
    return argv;
}

Error explain(DnfFailure failure, const std::vector<std::string>& argv, const CommandOutput& output) {
    std::string said = output.out + output.err;
    constexpr std::size_t kTail = 1500;
    if (said.size() > kTail) said = "…" + said.substr(said.size() - kTail);
    const std::string message = fmt::format("'{}' exited with {}: {}", to_text(argv), output.exit_code, trim(said));
    switch (failure) {
        case DnfFailure::network:
            return {ErrorKind::unavailable,
                    message,
                    "check that this machine reaches its package mirror (route, NAT gateway, proxy), then run again",
                    {}};
        case DnfFailure::not_found:
            return {ErrorKind::not_found, message, "no configured repository has this; see /etc/yum.repos.d", {}};
        case DnfFailure::bad_signature:
            return {
                ErrorKind::corrupted,
                message,
                "the packages are not signed by the key that /etc/yum.repos.d names; check kubernetes.repository_key",
                {}};
        case DnfFailure::disk_full: return {ErrorKind::io, message, "make room on the disk, then run again", {}};
        case DnfFailure::other: break;
    }
    return {ErrorKind::io, message, "dnf's own message above says what is wrong", {}};
}

Result<void> install(const DnfRequest& request, ActionContext& context) {
    auto& clock = context.step.clock;
    const auto deadline = Deadline::after(clock, request.patience).sooner_of(context.step.deadline);
    bool refresh = false;
    for (;;) {
        context.step.progress("installing " + join(request.packages, " "));
        const auto argv = install_argv(request, refresh);
        const auto output = NB_TRY(context.host.run(
            {.argv = argv,
             .timeout = std::max<Duration>(context.step.deadline.remaining(clock), std::chrono::seconds(30))}));
        if (output.exit_code == 0) return {};
        const auto failure = classify_dnf_failure(output.out + output.err);
        const bool may_be_stale = failure == DnfFailure::network || failure == DnfFailure::not_found;
        if (!(failure == DnfFailure::network || (may_be_stale && !refresh)) || deadline.remaining(clock) <= kPoll)
            return fail(explain(failure, argv, output));
        if (failure == DnfFailure::network) {
            context.step.progress("waiting for the package mirror");
            NB_CHECK(clock.sleep(kPoll, context.step.stop));
        }
        refresh = true;  // a mirror that moved on answers 404 for what the old metadata names
    }
}

}  // namespace

Result<bool> has_dnf(const HostView& view) {
    if (NB_TRY(view.stat("/usr/bin/apt-get"))) return false;
    return NB_TRY(view.stat("/usr/bin/dnf")).has_value();
}

Result<std::map<std::string, std::string>> installed_rpms(const HostView& view, const std::vector<std::string>& names) {
    Command command{.argv = {"rpm", "--query", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\\n"}};
    command.argv.insert(command.argv.end(), names.begin(), names.end());
    const auto output = NB_TRY(view.query(command));  // exits with the number of those that are not installed
    std::map<std::string, std::string> found;
    for (const auto line : lines_of(output.out)) {
        const auto words = words_of(line);  // or "package kubelet is not installed"
        if (words.size() == 2) found.emplace(words[0], words[1]);
    }
    if (found.empty() && output.out.find("is not installed") == std::string::npos)
        return fail(ErrorKind::io, fmt::format("'{}' exited with {}: {}", to_text(command.argv), output.exit_code,
                                               trim(output.out + output.err)));
    return found;
}

DnfFailure classify_dnf_failure(std::string_view output) {
    const auto says = [&](std::initializer_list<std::string_view> phrases) {
        return std::any_of(phrases.begin(), phrases.end(),
                           [&](std::string_view phrase) { return output.find(phrase) != std::string_view::npos; });
    };
    if (says({"No space left on device", "more space needed on the"})) return DnfFailure::disk_full;
    if (says({"GPG check FAILED", "GPG verification is enabled", "GPG signature verification error",
              "Failed to validate GPG signature", "is not signed"}))
        return DnfFailure::bad_signature;
    if (says({"Failed to download metadata", "Error downloading packages", "Curl error", "Cannot download"}))
        return DnfFailure::network;
    if (says({"Unable to find a match", "No match for argument", "nothing provides"})) return DnfFailure::not_found;
    return DnfFailure::other;
}

Action install_rpms(DnfRequest request) {
    Procedure procedure{"dnf install", request.packages, {}};
    procedure.run = [request = std::move(request)](ActionContext& context) -> Result<void> {
        const std::lock_guard guard(dnf_mutex());
        return install(request, context);
    };
    return procedure;
}

}  // namespace nodeboot
