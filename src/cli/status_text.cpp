#include "cli/status_text.hpp"

#include <fmt/core.h>

namespace nodeboot::cli {
namespace {

constexpr std::size_t name_column = 22;

struct Verdict {
    std::string_view mark, ascii_mark, color;
    std::string text;
};

Verdict verdict(const PhaseReport& phase, const Terminal& terminal) {
    switch (phase.outcome) {
        case Outcome::unchanged:
        case Outcome::changed: return {"✓", "+", "\x1b[32m", "converged"};
        case Outcome::pending: {
            const auto& first = phase.changes.front();
            std::string text =
                fmt::format("drifted: {}: {} {} {}", first.subject, first.from, terminal.arrow(), first.to);
            if (phase.changes.size() > 1) text += fmt::format(" (and {} more)", phase.changes.size() - 1);
            return {"!", "!", "\x1b[33m", text};
        }
        case Outcome::failed: return {"✗", "x", "\x1b[31m", "failed: " + (phase.error ? phase.error->text() : "")};
        case Outcome::blocked: return {"-", "-", "\x1b[33m", "not looked at"};
        case Outcome::skipped: break;
    }
    return {" ", " ", "", "left out"};
}

std::string line(const Verdict& verdict, const std::string& name, const Terminal& terminal) {
    const auto mark = terminal.unicode ? verdict.mark : verdict.ascii_mark;
    const std::string shown = terminal.color ? fmt::format("{}{}\x1b[0m", verdict.color, mark) : std::string(mark);
    std::string out;
    for (const auto& part : wrapped(printable(verdict.text), terminal.width - name_column - 5))
        out += fmt::format("  {} {}{}\n", out.empty() ? shown : " ", padded(out.empty() ? name : "", name_column),
                           shortened(part, terminal.width - name_column - 5, terminal.unicode));
    return out;
}

std::string expiry(WallTime not_after, WallTime now) {
    const auto days = std::chrono::floor<std::chrono::days>(not_after - now).count();
    const std::string date = format_rfc3339(not_after).substr(0, 10);
    if (not_after < now) return fmt::format("EXPIRED on {}", date);
    if (days < 1) return fmt::format("expires in {}, on {}", format_duration(not_after - now), date);
    return fmt::format("expires in {} day{}, on {}", days, days == 1 ? "" : "s", date);
}

std::string headline(const NodeFacts& facts, const Config& config) {
    const std::string state = !facts.ready ? "state unknown" : *facts.ready ? "Ready" : "NotReady";
    std::string out =
        fmt::format("{}: {} of cluster {}, {}", facts.name,
                    config.node.role == Role::worker ? "worker" : "control plane", config.cluster.name, state);
    if (!facts.ready_message.empty() && !(facts.ready && *facts.ready)) out += ": " + facts.ready_message;
    return out;
}

}  // namespace

std::string status_text(const RunReport& report, const NodeFacts& facts, const Config& config, WallTime now,
                        const Terminal& terminal) {
    std::string out;
    for (const auto& part : wrapped(printable(headline(facts, config)), terminal.width - 1)) out += part + "\n";
    out += "\nPhases\n";
    for (const auto& phase : report.phases)
        if (phase.outcome != Outcome::skipped) out += line(verdict(phase, terminal), phase.name, terminal);
    if (!facts.versions.empty()) out += "\nVersions\n";
    for (const auto& [name, version] : facts.versions)
        out += fmt::format("    {}{}\n", padded(name, name_column),
                           shortened(printable(version), terminal.width - name_column - 5, terminal.unicode));
    if (!facts.certificates.empty()) out += "\nCertificates\n";
    for (const auto& certificate : facts.certificates)
        out += fmt::format("    {}{}\n", padded(certificate.name, name_column), expiry(certificate.not_after, now));
    return out;
}

}  // namespace nodeboot::cli
