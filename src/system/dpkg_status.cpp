#include <array>

#include "base/lines.hpp"
#include "system/apt.hpp"

namespace nodeboot {
namespace {

// Calls back with each paragraph, the blank line taken off; stops when the callback says so.
template <class F>
void each_paragraph(std::string_view text, F callback) {
    while (!text.empty()) {
        const auto end = text.find("\n\n");
        if (callback(text.substr(0, end))) return;
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 2);
    }
}

// A field of one paragraph. dpkg writes Package first and Status second, so this looks at little text.
std::string_view field(std::string_view paragraph, std::string_view name) {
    while (!paragraph.empty()) {
        const auto end = paragraph.find('\n');
        const auto line = paragraph.substr(0, end);
        if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':')
            return trim(line.substr(name.size() + 1));
        if (end == std::string_view::npos) break;
        paragraph.remove_prefix(end + 1);
    }
    return {};
}

}  // namespace

PackageState DpkgStatus::find(std::string_view package) const {
    PackageState state;
    each_paragraph(text_, [&](std::string_view paragraph) {
        if (!paragraph.starts_with("Package: ") || field(paragraph, "Package") != package) return false;
        const auto status = words_of(field(paragraph, "Status"));  // "install ok installed": want, flag, state
        if (status.size() != 3 || status[2] == "not-installed" || status[2] == "config-files") return false;
        state.version = field(paragraph, "Version");
        state.installed = status[1] == "ok" && status[2] == "installed";
        state.held = status[0] == "hold";
        return true;  // a second architecture of the same package would follow
    });
    return state;
}

std::vector<std::string> DpkgStatus::unfinished() const {
    std::vector<std::string> names;
    each_paragraph(text_, [&](std::string_view paragraph) {
        const auto status = words_of(field(paragraph, "Status"));
        if (status.size() != 3) return false;
        const bool settled = status[2] == "installed" || status[2] == "not-installed" || status[2] == "config-files";
        if (!settled || status[1] != "ok") names.emplace_back(field(paragraph, "Package"));
        return false;
    });
    return names;
}

std::vector<std::string> DpkgStatus::providers_of(std::string_view name) const {
    std::vector<std::string> names;
    each_paragraph(text_, [&](std::string_view paragraph) {
        if (!field(paragraph, "Status").ends_with(" ok installed")) return false;
        for (const auto provided : parts_of(field(paragraph, "Provides"), ','))  // "ntp, time-daemon (= 1)"
            if (const auto words = words_of(provided); !words.empty() && words.front() == name)
                names.emplace_back(field(paragraph, "Package"));
        return false;
    });
    return names;
}

Result<DpkgStatus> read_dpkg_status(const HostView& view) {
    return DpkgStatus(NB_TRY(view.read("/var/lib/dpkg/status")).value_or(""));
}

}  // namespace nodeboot
