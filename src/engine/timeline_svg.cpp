#include <fmt/core.h>

#include <algorithm>

#include "engine/timeline.hpp"

namespace nodeboot {
namespace {

using Kind = TimelineRow::Kind;

// Colours that stay apart for colour-blind readers (Okabe and Ito), on white.
constexpr std::string_view color_of(Kind kind) {
    switch (kind) {
        case Kind::boot: return "#b9bec5";
        case Kind::looking: return "#e69f00";
        case Kind::applying: return "#0072b2";
        case Kind::verifying: return "#56b4e9";
    }
    return "#000000";
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

class Svg {
   public:
    explicit Svg(const Timeline& timeline) : timeline_(timeline) {}

    std::string text() {
        const double height = top + row_height * static_cast<double>(timeline_.rows.size()) + 72;
        out_ = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
            "{1:.0f}\" "
            "font-family=\"system-ui, 'DejaVu Sans', Helvetica, Arial, sans-serif\" font-size=\"13\" "
            "fill=\"#24292f\">\n"
            "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            width, height);
        label(16, 30, timeline_.title, "font-size=\"17\" font-weight=\"600\"");
        label(16, 52, timeline_.result, "fill=\"#57606a\"");
        axis();
        double y = top;
        for (const auto& row : timeline_.rows) {
            draw(row, y);
            y += row_height;
        }
        legend(y + 46);
        return out_ + "</svg>\n";
    }

   private:
    static constexpr double width = 960, left = 190, right = 110, top = 92, row_height = 24;

    double x_of(Duration at) const {
        const auto length = std::max<Duration::rep>(timeline_.length.count(), 1);
        return left + (width - left - right) * static_cast<double>(at.count()) / static_cast<double>(length);
    }

    void label(double x, double y, std::string_view text, std::string_view attributes) {
        out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes, escaped(text));
    }
    void line(double x, double y1, double y2, std::string_view attributes) {
        out_ += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" {3}/>\n", x, y1, y2,
                            attributes);
    }

    void axis() {
        const double bottom = top + row_height * static_cast<double>(timeline_.rows.size());
        const Duration step = axis_step(timeline_.length, 10);
        for (Duration at{}; at <= timeline_.length; at += step) {
            line(x_of(at), top - 6, bottom, "stroke=\"#eaeef2\"");
            label(x_of(at), top - 12, axis_label(at), "text-anchor=\"middle\" font-size=\"11\" fill=\"#57606a\"");
        }
        if (timeline_.from_boot) mark(timeline_.began, bottom, "nodeboot begins", "#57606a");
        if (timeline_.ready) mark(timeline_.length, bottom, "ready", "#1a7f37");
    }

    void mark(Duration at, double bottom, std::string_view text, std::string_view color) {
        line(x_of(at), top - 6, bottom + 4, fmt::format("stroke=\"{}\" stroke-dasharray=\"3 3\"", color));
        label(x_of(at), bottom + 16, text, fmt::format("text-anchor=\"middle\" font-size=\"11\" fill=\"{}\"", color));
    }

    void draw(const TimelineRow& row, double y) {
        label(left - 12, y + 16, row.name, "text-anchor=\"end\"");
        double end = left;
        for (const auto& part : row.parts) {
            const double from = x_of(part.from), length = std::max(x_of(part.to) - from, 1.5);
            out_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"{}\"/>\n",
                                from, y + 4, length, row_height - 8, row.failed ? "#d55e00" : color_of(part.kind));
            end = std::max(end, from + length);
        }
        label(end + 6, y + 16, row.note,
              row.failed ? "font-size=\"11\" fill=\"#d55e00\"" : "font-size=\"11\" fill=\"#57606a\"");
    }

    void legend(double y) {
        double x = left;
        for (const auto& [kind, name] : {std::pair{Kind::boot, "before nodeboot"},
                                         {Kind::looking, "looking"},
                                         {Kind::applying, "changing"},
                                         {Kind::verifying, "waiting until it works"}}) {
            if (kind == Kind::boot && !timeline_.from_boot) continue;
            out_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n", x, y - 10,
                                color_of(kind));
            label(x + 18, y, name, "font-size=\"12\"");
            x += 34 + 7.2 * static_cast<double>(std::string_view(name).size());
        }
        if (timeline_.quick != 0)
            label(x, y, fmt::format("{} phases too quick to be drawn", timeline_.quick),
                  "font-size=\"12\" fill=\"#57606a\"");
    }

    const Timeline& timeline_;
    std::string out_;
};

}  // namespace

std::string timeline_svg(const RunRecord& record) {
    const Timeline timeline = make_timeline(record);
    return Svg(timeline).text();
}

}  // namespace nodeboot
