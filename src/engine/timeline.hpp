#pragma once

#include <string>
#include <vector>

#include "engine/record.hpp"

namespace nodeboot {

/// Where the time of a boot went: from the kernel's start over cloud-init to nodeboot's phases and Ready.

struct TimelineOptions {
    unsigned width = 80;  ///< columns
    bool unicode = true;
};

/// Bars of text, one a line.
std::string timeline_text(const RunRecord& record, const TimelineOptions& options = {});

/// A picture: SVG 1.1, no scripts and no fonts of its own.
std::string timeline_svg(const RunRecord& record);

/// What both draw: rows in the order of their beginning, times since the kernel started (or, for a run long after
/// the boot, since the run began).
struct TimelineRow {
    enum class Kind { boot, looking, applying, verifying };
    struct Part {
        Kind kind;
        Duration from{}, to{};
    };
    std::string name;
    std::string note;  ///< "4.2s", "failed"
    std::vector<Part> parts;
    bool failed = false;
};
struct Timeline {
    std::string title;   ///< "node up on ip-10-0-1-5, 2026-11-23T04:20:00Z"
    std::string result;  ///< "Ready after 41.2s, 12.3s of it before nodeboot began"
    bool from_boot = false;
    bool ready = false;
    Duration length{};
    Duration began{};  ///< when nodeboot began
    std::vector<TimelineRow> rows;
    std::size_t quick = 0;  ///< phases too short to be drawn
};
Timeline make_timeline(const RunRecord& record);

/// Distance of the marks on the axis: 1, 2 or 5 times a power of ten seconds, or minutes, so that at most `most` fit.
Duration axis_step(Duration length, unsigned most);
std::string axis_label(Duration at);  ///< "0", "250ms", "90s", "2m"

}  // namespace nodeboot
