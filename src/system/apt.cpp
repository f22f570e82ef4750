#include "system/apt.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

constexpr Duration kPoll = std::chrono::seconds(3);

// Phases run side by side and dpkg does one thing at a time.
std::mutex& dpkg_mutex() {
    static std::mutex mutex;
    return mutex;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::vector<std::string> environment() {
    return {"DEBIAN_FRONTEND=noninteractive", "APT_LISTCHANGES_FRONTEND=none", "UCF_FORCE_CONFFOLD=1",
            "NEEDRESTART_SUSPEND=1"};  // needrestart would restart services that nodeboot looks after
}

std::string packages_text(const InstallRequest& request) {
    std::vector<std::string> words;
    for (const auto& package : request.packages)
        words.push_back(package.version.empty() ? package.name : package.name + "=" + package.version);
    return join(words, " ");
}

std::vector<std::string> install_argv(const InstallRequest& request, Duration lock_wait) {
    const auto seconds = std::max<long long>(1, std::chrono::duration_cast<std::chrono::seconds>(lock_wait).count());
    std::vector<std::string> argv{"apt-get",
                                  "install",
                                  "--yes",
                                  "--quiet",
                                  "--no-install-recommends",
                                  "--no-remove",
                                  "-o",
                                  fmt::format("DPkg::Lock::Timeout={}", seconds),
                                  "-o",
                                  "Dpkg::Options::=--force-confdef",
                                  "-o",
                                  "Dpkg::Options::=--force-confold",
                                  "-o",
                                  "Acquire::Retries=3"};
    if (request.may_downgrade) argv.emplace_back("--allow-downgrades");
    if (request.may_change_held) argv.emplace_back("--allow-change-held-packages");
    argv.emplace_back("--");
    for (const auto& package : request.packages)
        argv.push_back(package.version.empty() ? package.name : package.name + "=" + package.version);
    return argv;
}

bool has_package_lists(const HostView& view) {
    const auto names = view.list("/var/lib/apt/lists");
    return names && std::any_of(names->begin(), names->end(),
                                [](const std::string& name) { return name.find("_Packages") != std::string::npos; });
}

// The end of a text, where a program says why.
std::string tail(std::string_view text) {
    constexpr std::size_t kTail = 1500;
    text = trim(text);
    return text.size() <= kTail ? std::string(text) : "…" + std::string(text.substr(text.size() - kTail));
}

// Of what apt-get update printed, what it did not like. It may end well all the same.
std::string complaints_of(const CommandOutput& update) {
    std::vector<std::string> lines;
    for (const auto text : {std::string_view(update.err), std::string_view(update.out)})
        for (const auto line : lines_of(text))
            if (line.starts_with("E:") || line.starts_with("W:")) lines.emplace_back(trim(line));
    return join(lines, "\n");
}

// Whether lists did not come that may come yet. A key that is not trusted is told in the same words, and does not mend
// itself.
bool is_worth_waiting_for(std::string_view complaints) {
    const auto lines = lines_of(complaints);
    return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
        return classify_apt_failure(line) == AptFailure::network && !contains(line, "signature") &&
               !contains(line, "PUBKEY");
    });
}

Error explain(AptFailure failure, const std::vector<std::string>& argv, const CommandOutput& output,
              const std::string& complaints) {
    const std::string said = output.err + output.out;
    std::string message = fmt::format("'{}' exited with {}: {}", to_text(argv), output.exit_code, tail(said));
    if (!complaints.empty()) message += "\n'apt-get update' said before: " + tail(complaints);
    switch (failure) {
        case AptFailure::locked:
            return {ErrorKind::unavailable,
                    message,
                    "another program is installing packages; run again when it is done",
                    {}};
        case AptFailure::network:
            return {ErrorKind::unavailable,
                    message,
                    "check that this machine reaches its package mirror (route, NAT gateway, proxy), then run again",
                    {}};
        case AptFailure::stale_lists:
            return {ErrorKind::not_found,
                    message,
                    complaints.empty() ? "no configured package source has this; see /etc/apt/sources.list*"
                                       : "see what 'apt-get update' said, and /etc/apt/sources.list*",
                    {}};
        case AptFailure::interrupted:
            return {ErrorKind::io, message, "run 'dpkg --configure -a' and read what it says", {}};
        case AptFailure::disk_full: return {ErrorKind::io, message, "make room on the disk, then run again", {}};
        case AptFailure::other: break;
    }
    if (contains(said, "remove is disabled"))
        return {ErrorKind::refused,
                message,
                "nodeboot removes no package for another: remove yourself what can go of those above, then run again",
                {}};
    return {ErrorKind::io, message, "the package manager's own message above says what is wrong", {}};
}

/// One install, from whatever state apt and dpkg are in.
class Install {
   public:
    Install(const InstallRequest& request, ActionContext& context)
        : request_(request),
          context_(context),
          deadline_(Deadline::after(context.step.clock, request.patience).sooner_of(context.step.deadline)) {}

    Result<void> run() {
        NB_CHECK(finish_interrupted());
        if (request_.refresh_first || !has_package_lists(context_.host)) NB_CHECK(refresh());
        for (;;) {
            const auto argv =
                install_argv(request_, std::min<Duration>(deadline_.remaining(clock()), std::chrono::minutes(5)));
            context_.step.progress("installing " + packages_text(request_));
            const auto output = NB_TRY(execute(argv));
            if (output.exit_code == 0) return {};
            NB_CHECK(recover(argv, output));
        }
    }

   private:
    Clock& clock() { return context_.step.clock; }

    Result<CommandOutput> execute(const std::vector<std::string>& argv) {
        return context_.host.run(
            {.argv = argv,
             .timeout = std::max<Duration>(context_.step.deadline.remaining(clock()), std::chrono::seconds(30)),
             .environment = environment()});
    }

    Error why(AptFailure failure, const std::vector<std::string>& argv, const CommandOutput& output) const {
        return explain(failure, argv, output, complaints_);
    }

    Result<void> wait_before_retry(AptFailure failure, const std::vector<std::string>& argv,
                                   const CommandOutput& output) {
        if (deadline_.remaining(clock()) <= kPoll) return fail(why(failure, argv, output));
        context_.step.progress(failure == AptFailure::locked ? "waiting for another package manager"
                                                             : "waiting for the package mirror");
        return clock().sleep(kPoll, context_.step.stop);
    }

    // dpkg knows no lock timeout of its own.
    Result<void> finish_interrupted() {
        const auto status = NB_TRY(read_dpkg_status(context_.host));
        const auto journal = NB_TRY(context_.host.list("/var/lib/dpkg/updates"));
        const auto unfinished = status.unfinished();
        if (unfinished.empty() && journal.empty()) return {};
        context_.step.log.info(fmt::format("dpkg was interrupted ({}); finishing that first",
                                           unfinished.empty() ? "journal left" : join(unfinished, " ")));
        return configure();
    }

    Result<void> configure() {
        const std::vector<std::string> argv{"dpkg", "--configure", "-a", "--force-confdef", "--force-confold"};
        for (;;) {
            const auto output = NB_TRY(execute(argv));
            if (output.exit_code == 0) return {};
            const auto failure = classify_apt_failure(output.err + output.out);
            // Half-installed packages cannot be configured; the install that follows unpacks them again.
            if (failure != AptFailure::locked)
                return failure == AptFailure::disk_full ? Result<void>(fail(why(failure, argv, output)))
                                                        : Result<void>();
            NB_CHECK(wait_before_retry(failure, argv, output));
        }
    }

    // A mirror that fails does not fail this: the install decides whether what is there is enough. What was said of it is
    // kept for when it is not.
    Result<void> refresh() {
        refreshed_ = true;
        // Without Error-Mode it ends well where a mirror did not answer (apt.conf(5); apt before 2.1 does not know it).
        const std::vector<std::string> argv{
            "apt-get", "update", "--quiet", "-o", "Acquire::Retries=3", "-o", "APT::Update::Error-Mode=any"};
        for (;;) {
            context_.step.progress("reading package lists");
            const auto output = NB_TRY(execute(argv));
            complaints_ = complaints_of(output);
            if (output.exit_code == 0 || classify_apt_failure(output.err + output.out) != AptFailure::locked) return {};
            NB_CHECK(wait_before_retry(AptFailure::locked, argv, output));
        }
    }

    /// Success: worth another try.
    Result<void> recover(const std::vector<std::string>& argv, const CommandOutput& output) {
        auto failure = classify_apt_failure(output.err + output.out);
        if (failure == AptFailure::interrupted && !configured_) {
            configured_ = true;
            return configure();
        }
        // A file that is gone from the mirror (404) looks like a network failure until the lists are new.
        if ((failure == AptFailure::stale_lists || failure == AptFailure::network) && !refreshed_) return refresh();
        // What the lists do not have may be in those that did not come.
        if (failure == AptFailure::stale_lists && is_worth_waiting_for(complaints_)) failure = AptFailure::network;
        if (failure == AptFailure::locked) return wait_before_retry(failure, argv, output);
        if (failure == AptFailure::network) {
            NB_CHECK(wait_before_retry(failure, argv, output));
            return refresh();
        }
        return fail(why(failure, argv, output));
    }

    const InstallRequest& request_;
    ActionContext& context_;
    Deadline deadline_;
    bool refreshed_ = false;
    std::string complaints_;  // of the last update
    bool configured_ = false;
};

bool is_satisfied(const PackageState& state, const PackageWanted& wanted) {
    return state.installed && (wanted.version.empty() || wanted.version == state.version);
}

}  // namespace

AptFailure classify_apt_failure(std::string_view output) {
    const auto says = [&](std::initializer_list<std::string_view> phrases) {
        return std::any_of(phrases.begin(), phrases.end(),
                           [&](std::string_view phrase) { return contains(output, phrase); });
    };
    if (says({"No space left on device", "don't have enough free space"})) return AptFailure::disk_full;
    if (says({"Could not get lock", "Unable to acquire the dpkg frontend lock", "lock was locked by another process",
              "Unable to lock directory", "is another process using it"}))
        return AptFailure::locked;
    if (says({"dpkg was interrupted", "dpkg --configure -a"})) return AptFailure::interrupted;
    if (says({"404  Not Found", "404 Not Found", "Unable to locate package", "has no installation candidate",
              "was not found", "Hash Sum mismatch", "File has unexpected size", "try with --fix-missing"}) &&
        !says({"Temporary failure resolving", "Could not connect", "Connection timed out", "Could not resolve"}))
        return AptFailure::stale_lists;
    if (says({"Temporary failure resolving", "Could not connect", "Could not resolve", "Connection timed out",
              "Connection failed", "Connection refused", "Network is unreachable", "Failed to fetch",
              "Unable to fetch some archives", "Unable to connect"}))
        return AptFailure::network;
    return AptFailure::other;
}

Action install_packages(InstallRequest request) {
    Procedure procedure;
    procedure.name = "apt-get install";
    for (const auto& package : request.packages)
        procedure.arguments.push_back(package.version.empty() ? package.name : package.name + "=" + package.version);
    procedure.run = [request = std::move(request)](ActionContext& context) -> Result<void> {
        const std::lock_guard guard(dpkg_mutex());
        return Install(request, context).run();
    };
    return procedure;
}

Result<void> want_packages(std::vector<NodeChange>& changes, const HostView& view, InstallRequest request) {
    const auto status = NB_TRY(read_dpkg_status(view));
    std::vector<PackageWanted> missing;
    std::vector<std::string> now, wanted;
    for (const auto& package : request.packages) {
        const auto state = status.find(package.name);
        if (is_satisfied(state, package)) continue;
        missing.push_back(package);
        now.push_back(state.version.empty() ? "absent"
                      : state.installed     ? state.version
                                            : state.version + ", not configured");
        wanted.push_back(package.version.empty() ? "installed" : package.version);
    }
    if (missing.empty()) return {};
    std::vector<std::string> names;
    for (const auto& package : missing) names.push_back(package.name);
    request.packages = std::move(missing);
    changes.push_back({(names.size() == 1 ? "package " : "packages ") + join(names, ", "), join(now, ", "),
                       join(wanted, ", "), install_packages(std::move(request))});
    return {};
}

namespace {

Action apt_mark(const std::string& verb, const std::vector<std::string>& names) {
    std::vector<std::string> argv{"apt-mark", verb};
    argv.insert(argv.end(), names.begin(), names.end());
    return Procedure{"apt-mark " + verb, names, [argv](ActionContext& context) -> Result<void> {
                         const std::lock_guard guard(dpkg_mutex());
                         NB_CHECK(run_checked(context.host, {.argv = argv, .environment = environment()}));
                         return {};
                     }};
}

}  // namespace

Result<void> want_held(std::vector<NodeChange>& changes, const HostView& view,
                       const std::vector<std::string>& packages) {
    const auto status = NB_TRY(read_dpkg_status(view));
    std::vector<std::string> names;
    std::copy_if(packages.begin(), packages.end(), std::back_inserter(names),
                 [&](const auto& name) { return !status.find(name).held; });
    if (!names.empty())
        changes.push_back({"hold on " + join(names, ", "), "free to be upgraded", "held", apt_mark("hold", names)});
    return {};
}

Result<void> want_not_held(std::vector<NodeChange>& changes, const HostView& view,
                           const std::vector<std::string>& packages) {
    const auto status = NB_TRY(read_dpkg_status(view));
    std::vector<std::string> names;
    std::copy_if(packages.begin(), packages.end(), std::back_inserter(names),
                 [&](const auto& name) { return status.find(name).held; });
    if (!names.empty())
        changes.push_back({"hold on " + join(names, ", "), "held", "free to be upgraded", apt_mark("unhold", names)});
    return {};
}

}  // namespace nodeboot
