#include "engine/timeline.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace nodeboot {
namespace {

using Kind = TimelineRow::Kind;

constexpr Duration boot_limit = std::chrono::minutes(15);  // a run later than that has nothing to do with the boot

Duration took(const PhaseReport& phase) { return phase.planning + phase.applying + phase.verifying; }

/// Looking comes first and, after changes, once more in between: drawn as one piece in front.
TimelineRow phase_row(const PhaseReport& phase, Duration offset) {
    TimelineRow row{phase.name, format_duration(took(phase)), {}, phase.outcome == Outcome::failed};
    if (row.failed) row.note += " failed";
    Duration at = offset + phase.began;
    for (const auto& [kind, length] : {std::pair{Kind::looking, phase.planning},
                                       {Kind::applying, phase.applying},
                                       {Kind::verifying, phase.verifying}}) {
        if (length > Duration::zero()) row.parts.push_back({kind, at, at + length});
        at += length;
    }
    return row;
}

TimelineRow boot_row(const std::string& name, Duration from, Duration to) {
    return {name, format_duration(to - from), {{Kind::boot, from, to}}, false};
}

void add_boot_rows(Timeline& timeline, const RunRecord& record) {
    const Duration first = record.boot.empty() ? record.since_boot : record.boot.front().began;
    timeline.rows.push_back(boot_row("kernel, systemd", Duration::zero(), first));
    for (const auto& stage : record.boot) timeline.rows.push_back(boot_row(stage.name, stage.began, stage.ended));
}

std::string result_text(const RunRecord& record, const Timeline& timeline) {
    const auto& report = record.report;
    const std::string length = format_duration(report.took);
    std::string text = !record.finished ? fmt::format("not finished (killed, or still running), {} so far", length)
                       : report.ok()    ? fmt::format("ready, {}", length)
                                        : fmt::format("failed after {}", length);
    if (timeline.from_boot) text += fmt::format("; {} after the kernel began", format_duration(timeline.length));
    return text;
}

}  // namespace

Timeline make_timeline(const RunRecord& record) {
    Timeline timeline;
    timeline.from_boot = record.since_boot > Duration::zero() && record.since_boot < boot_limit;
    timeline.began = timeline.from_boot ? record.since_boot : Duration::zero();
    timeline.length = timeline.began + record.report.took;
    timeline.title = fmt::format("{}{}{}, {}", record.command, record.node.empty() ? "" : " on ", record.node,
                                 format_rfc3339(record.report.began));
    if (timeline.from_boot) add_boot_rows(timeline, record);
    auto phases = record.report.phases;
    std::stable_sort(phases.begin(), phases.end(), [](const auto& a, const auto& b) { return a.began < b.began; });
    const Duration shortest = timeline.length / 500;  // less than a fifth of a percent shows nothing
    for (const auto& phase : phases) {
        if (phase.outcome == Outcome::skipped || phase.outcome == Outcome::blocked) continue;
        if (took(phase) < shortest && phase.outcome != Outcome::failed)
            ++timeline.quick;
        else
            timeline.rows.push_back(phase_row(phase, timeline.began));
    }
    timeline.ready = record.finished && record.report.ok();
    timeline.result = result_text(record, timeline);
    return timeline;
}

Duration axis_step(Duration length, unsigned most) {
    using namespace std::chrono;
    for (const Duration step : {Duration(milliseconds(1)),   Duration(milliseconds(2)),   Duration(milliseconds(5)),
                                Duration(milliseconds(10)),  Duration(milliseconds(20)),  Duration(milliseconds(50)),
                                Duration(milliseconds(100)), Duration(milliseconds(200)), Duration(milliseconds(500)),
                                Duration(seconds(1)),        Duration(seconds(2)),        Duration(seconds(5)),
                                Duration(seconds(10)),       Duration(seconds(20)),       Duration(seconds(30)),
                                Duration(minutes(1)),        Duration(minutes(2)),        Duration(minutes(5)),
                                Duration(minutes(10)),       Duration(minutes(30))})
        if (length / step <= static_cast<int>(most)) return step;
    return hours(1);
}

std::string axis_label(Duration at) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at).count();
    if (ms == 0) return "0";
    if (ms % 1000 != 0) return fmt::format("{}ms", ms);
    return ms < 120'000 || ms % 60'000 != 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}m", ms / 60'000);
}

namespace {

/// Columns of text, with room for names at the left and durations at the right.
class TextChart {
   public:
    TextChart(const Timeline& timeline, const TimelineOptions& options) : timeline_(timeline), options_(options) {
        for (const auto& row : timeline.rows) {
            names_ = std::max(names_, row.name.size());
            notes_ = std::max(notes_, row.note.size());
        }
        names_ = std::min<std::size_t>(names_, 22) + 1;
        bars_ = options.width - names_ - notes_ - 1;
    }

    std::string axis() const {
        const Duration step = axis_step(timeline_.length, static_cast<unsigned>(bars_ / 7));
        std::string line(names_, ' ');
        for (Duration at{}; at <= timeline_.length; at += step) {
            const std::string label = axis_label(at);
            const std::size_t column = names_ + column_of(at);
            if (column + label.size() > names_ + bars_) break;
            line.resize(column, ' ');
            line += label;
        }
        return line + "\n";
    }

    std::string row(const TimelineRow& row) const {
        std::vector<std::string_view> cells(bars_, " ");
        if (timeline_.from_boot) cells[std::min(column_of(timeline_.began), bars_ - 1)] = options_.unicode ? "│" : "|";
        for (const auto& part : row.parts) {
            const std::size_t from = std::min(column_of(part.from), bars_ - 1);
            const std::size_t to = std::clamp(column_of(part.to), from + 1, bars_);
            for (std::size_t i = from; i < to; ++i) cells[i] = glyph(part.kind, row.failed);
        }
        std::string line = row.name.substr(0, names_ - 1);
        line.resize(names_, ' ');
        for (const auto& cell : cells) line += cell;
        return line + fmt::format(" {:>{}}\n", row.note, notes_);
    }

    std::string_view glyph(Kind kind, bool failed) const {
        if (failed) return options_.unicode ? "▚" : "x";
        switch (kind) {
            case Kind::boot: return options_.unicode ? "▒" : "=";
            case Kind::looking: return options_.unicode ? "░" : ".";
            case Kind::applying: return options_.unicode ? "█" : "#";
            case Kind::verifying: return options_.unicode ? "▓" : "-";
        }
        return " ";
    }

   private:
    std::size_t column_of(Duration at) const {
        if (timeline_.length <= Duration::zero()) return 0;
        return static_cast<std::size_t>(static_cast<double>(at.count()) /
                                        static_cast<double>(timeline_.length.count()) * static_cast<double>(bars_));
    }

    const Timeline& timeline_;
    const TimelineOptions& options_;
    std::size_t names_ = 10, notes_ = 5, bars_ = 40;
};

}  // namespace

std::string timeline_text(const RunRecord& record, const TimelineOptions& options) {
    const Timeline timeline = make_timeline(record);
    const TextChart chart(timeline, options);
    std::string out = timeline.title + "\n" + timeline.result + "\n\n" + chart.axis();
    for (const auto& row : timeline.rows) out += chart.row(row);
    out += fmt::format("\n{} looking  {} changing  {} waiting until it works", chart.glyph(Kind::looking, false),
                       chart.glyph(Kind::applying, false), chart.glyph(Kind::verifying, false));
    if (timeline.from_boot)
        out += fmt::format("{}{} before nodeboot", options.width < 70 ? "\n" : "  ", chart.glyph(Kind::boot, false));
    if (timeline.quick != 0) out += fmt::format("\n{} phases were too quick to be drawn", timeline.quick);
    return out + "\n";
}

}  // namespace nodeboot
