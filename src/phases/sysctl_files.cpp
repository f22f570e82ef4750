#include "phases/sysctl_files.hpp"

#include <algorithm>
#include <array>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

// In order of precedence (sysctl.d(5)).
constexpr std::array kFolders{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"};

std::string squeeze(std::string_view text) { return join(words_of(text), " "); }

// Comments every line that sets a wanted key to something else; all other bytes stay.
std::string mend(std::string_view text, const std::map<std::string, std::string>& wanted,
                 std::vector<std::string>& found) {
    std::string out;
    for (const auto line : lines_of(text)) {
        auto setting = trim(line);
        const auto equals = setting.find('=');
        const bool comment = setting.empty() || setting.front() == '#' || setting.front() == ';';
        if (!comment && equals != std::string_view::npos) {
            auto key = trim(setting.substr(0, equals));
            if (key.starts_with('-')) key = trim(key.substr(1));  // "failure does not matter"
            const auto it = wanted.find(canonical_sysctl(key));
            if (it != wanted.end() && squeeze(setting.substr(equals + 1)) != squeeze(it->second)) {
                found.emplace_back(setting);
                out += "# nodeboot: ";
            }
        }
        out += line;
        out += '\n';
    }
    if (!text.ends_with('\n') && !out.empty()) out.pop_back();
    return out;
}

Result<void> look_at(std::vector<SysctlOverride>& out, const HostView& view, const Path& file, const Path& mended_path,
                     const std::map<std::string, std::string>& wanted) {
    const auto text = NB_TRY(view.read(file));
    if (!text) return {};
    SysctlOverride entry{file, mended_path, {}, {}};
    entry.mended = mend(*text, wanted, entry.lines);
    if (!entry.lines.empty()) out.push_back(std::move(entry));
    return {};
}

}  // namespace

std::string canonical_sysctl(std::string_view key) {
    std::string name(key);
    const auto first = name.find_first_of("./");
    if (first != std::string::npos && name[first] == '/')
        for (char& c : name) c = c == '/' ? '.' : c == '.' ? '/' : c;
    return name == "net.ipv4.conf.all.forwarding" ? "net.ipv4.ip_forward" : name;
}

Result<std::vector<SysctlOverride>> later_overrides(const HostView& view, const std::string& own_name,
                                                    const std::map<std::string, std::string>& wanted) {
    std::map<std::string, Path> later;
    for (const Path folder : kFolders)
        for (const auto& name : NB_TRY(view.list(folder)))
            if (name.ends_with(".conf") && name > own_name) later.emplace(name, folder / name);

    std::map<std::string, std::string> canonical;
    for (const auto& [key, value] : wanted) canonical[canonical_sysctl(key)] = value;

    std::vector<SysctlOverride> overrides;
    for (const auto& [name, file] : later)
        NB_CHECK(look_at(overrides, view, file, Path(kFolders.front()) / name, canonical));
    NB_CHECK(look_at(overrides, view, "/etc/sysctl.conf", "/etc/sysctl.conf", canonical));
    return overrides;
}

}  // namespace nodeboot
