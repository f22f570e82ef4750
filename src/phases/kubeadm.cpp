#include "phases/kubeadm.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json.hpp"

namespace nodeboot {

Result<Version> kubeadm_version(const HostView& view) {
    const auto output = NB_TRY(view.query({.argv = {"kubeadm", "version", "-o", "short"}}));
    if (output.exit_code != 0)
        return fail(ErrorKind::io, fmt::format("'kubeadm version' exited with {}: {}", output.exit_code, output.err));
    // The stand-in of the lab says so on further lines.
    return NB_TRY_CONTEXT(parse_version(output.out.substr(0, output.out.find('\n'))), "kubeadm version");
}

namespace {

bool is_token_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_token_at(const std::string& text, std::size_t at) {
    if (at + 23 > text.size() || text[at + 6] != '.') return false;
    for (std::size_t i = 0; i < 23; ++i)
        if (i != 6 && !is_token_char(text[at + i])) return false;
    const bool starts = at == 0 || !is_token_char(text[at - 1]);
    return starts && (at + 23 == text.size() || !is_token_char(text[at + 23]));
}

std::string first_lines_that_tell(const CommandOutput& output) {
    std::string errors, last;
    std::istringstream lines(output.out + "\n" + output.err);
    for (std::string line; std::getline(lines, line);) {
        // "panic:" is how a crash of a Go program begins; the stack trace after it tells a user nothing.
        if (line.find("[ERROR") != std::string::npos || line.starts_with("error") || line.starts_with("Error") ||
            line.starts_with("panic:"))
            errors += (errors.empty() ? "" : "; ") + line.substr(line.find_first_not_of(" \t"));
        // kubeadm ends every failure with advice on --v=5; what went wrong stands before it.
        if (line.find_first_not_of(" \t") != std::string::npos && !line.starts_with("To see the stack trace"))
            last = line;
    }
    return without_tokens(errors.empty() ? last : errors);
}

}  // namespace

std::string without_tokens(std::string text) {
    for (std::size_t at = 0; at + 23 <= text.size(); ++at)
        if (is_token_at(text, at)) text.replace(at, 23, "<token>");
    return text;
}

Result<void> run_kubeadm(ActionContext& context, std::vector<std::string> arguments, Duration timeout) {
    arguments.insert(arguments.begin(), "kubeadm");
    context.step.progress(to_text(arguments));
    const Duration limit = std::min(timeout, context.step.deadline.remaining(context.step.clock));
    auto ran = context.host.run({.argv = arguments, .timeout = limit});
    if (!ran) {  // stopped or too late: the message quotes what it printed so far, the token among it
        ran.error().message = without_tokens(std::move(ran.error().message));
        return fail(std::move(ran).error());
    }
    const auto& output = *ran;
    if (output.exit_code == 0) return {};
    return fail(
        ErrorKind::io,
        fmt::format("'{}' exited with {}: {}", to_text(arguments), output.exit_code, first_lines_that_tell(output)),
        "run the command by hand with --v=5 to see more; `nodeboot node up` goes on from any half-done state");
}

Result<void> node_is_ready(const KubeReader& api, const std::string& node_name) {
    const auto node = NB_TRY(api.get("/api/v1/nodes/" + node_name));
    if (!node)
        return fail(ErrorKind::unavailable, fmt::format("the API server knows no node {}", node_name),
                    "its kubelet has not registered it: `journalctl -u kubelet` there says why");
    for (const auto& condition : json_list(*node, {"status", "conditions"}))
        if (json_string(condition, {"type"}) == "Ready") {
            if (json_string(condition, {"status"}) == "True") return {};
            return fail(ErrorKind::unavailable,
                        fmt::format("node {} is not Ready: {}", node_name,
                                    json_string(condition, {"message"}).value_or("no reason given")),
                        "on that node `journalctl -u kubelet` and `crictl ps -a` say more");
        }
    return fail(ErrorKind::unavailable, fmt::format("kubelet has not reported the state of node {} yet", node_name),
                "on that node `journalctl -u kubelet` says why");
}

Result<void> wait_until(StepContext& step, const std::function<Result<void>()>& probe) {
    // A tenth of the time that it took so far: what is there already is seen late by as little.
    constexpr Duration shortest = std::chrono::milliseconds(50), longest = std::chrono::milliseconds(500);
    const auto began = step.clock.steady();
    std::string last;
    for (;;) {
        auto result = probe();
        if (result) return result;
        const auto kind = result.error().kind;
        if (kind != ErrorKind::unavailable && kind != ErrorKind::timeout && kind != ErrorKind::not_found) return result;
        if (step.deadline.passed(step.clock)) {
            Error late = result.error();
            late.kind = ErrorKind::timeout;
            return fail(std::move(late).with_context("gave up waiting"));
        }
        if (const auto text = result.error().text(); text != last) {
            last = text;
            step.progress("waiting: " + text);
        }
        const auto pause = std::clamp<Duration>((step.clock.steady() - began) / 10, shortest, longest);
        NB_CHECK(step.clock.sleep(pause, step.stop));
    }
}

}  // namespace nodeboot
