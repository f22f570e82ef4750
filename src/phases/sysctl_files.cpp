#include "phases/sysctl_files.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/lines.hpp"
#include "phases/commented_lines.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

// In order of precedence (sysctl.d(5)).
constexpr std::array kFolders{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"};

std::string squeeze(std::string_view text) { return join(words_of(text), " "); }

struct Setting {
    std::string key, value;
    std::string_view text;
};

// A line that sets something; keys with globs ("net.ipv4.conf.*.rp_filter") set no single one of ours.
std::optional<Setting> setting_of(std::string_view line) {
    const auto text = trim(line);
    const auto equals = text.find('=');
    if (text.empty() || text.front() == '#' || text.front() == ';' || equals == std::string_view::npos) return {};
    auto key = trim(text.substr(0, equals));
    if (key.starts_with('-')) key = trim(key.substr(1));  // "failure does not matter"
    return Setting{canonical_sysctl(key), squeeze(text.substr(equals + 1)), text};
}

// Comments every line that sets a wanted key to something else; all other bytes stay.
std::string mend(std::string_view text, const std::map<std::string, std::string>& wanted,
                 std::vector<std::string>& found) {
    return with_lines_commented(text, [&](std::string_view line) {
        const auto setting = setting_of(line);
        if (!setting) return false;
        const auto it = wanted.find(setting->key);
        if (it == wanted.end() || setting->value == squeeze(it->second)) return false;
        found.emplace_back(setting->text);
        return true;
    });
}

Result<void> look_at(std::vector<SysctlOverride>& out, const HostView& view, const Path& file, const Path& mended_path,
                     const std::map<std::string, std::string>& wanted) {
    const auto text = NB_TRY(view.read(file));
    if (!text) return {};
    SysctlOverride entry{file, mended_path, {}, {}};
    entry.mended = mend(*text, wanted, entry.lines);
    if (mended_path != file)
        entry.mended =
            fmt::format("{}: {} with what contradicts its settings commented out.\n", own_mark, file.string()) +
            entry.mended;
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

Result<std::map<std::string, std::string>> sysctls_of_others(const HostView& view, const std::string& own_name) {
    std::map<std::string, Path> files;
    for (const Path folder : kFolders)
        for (const auto& name : NB_TRY(view.list(folder)))
            if (name.ends_with(".conf") && name != own_name) files.emplace(name, folder / name);
    std::map<std::string, std::string> values;
    const auto read = [&](const Path& file) -> Result<void> {
        const auto text = with_lines_restored(NB_TRY(view.read(file)).value_or(""));
        for (const auto line : lines_of(text))
            if (const auto setting = setting_of(line)) values[setting->key] = setting->value;
        return {};
    };
    for (const auto& [name, file] : files) NB_CHECK(read(file));
    NB_CHECK(read("/etc/sysctl.conf"));
    return values;
}

Result<void> want_overrides_back(std::vector<NodeChange>& changes, const HostView& view) {
    std::vector<Path> files{"/etc/sysctl.conf"};
    for (const auto& name : NB_TRY(view.list(kFolders.front())))
        if (name.ends_with(".conf")) files.push_back(Path(kFolders.front()) / name);
    for (const auto& file : files) {
        const auto info = NB_TRY(view.stat(file));
        if (!info || info->type != FileInfo::Type::file) continue;
        const auto text = NB_TRY(view.read(file)).value_or("");
        const auto restored = with_lines_restored(text);
        if (text.starts_with(own_mark) || NB_TRY(view.stat(kept_original(file))))
            NB_CHECK(want_original(changes, view, file));
        else if (restored != text)
            changes.push_back({file.string(), "lines commented out", "as before",
                               WriteFile{file, restored, NB_TRY(attributes_to_keep(view, file))}});
    }
    return {};
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
