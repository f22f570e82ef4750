#include "phases/swap.hpp"

#include <array>
#include <set>

#include "base/lines.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kFstab = "/etc/fstab";
constexpr auto kZramText = "# Made by nodeboot; no zram swap: kubelet refuses to start with swap on.\n";

bool is_swap_line(std::string_view line) {
    const auto words = words_of(line);
    return words.size() >= 3 && !words[0].starts_with('#') && words[2] == "swap";
}

Result<void> want_fstab_without_swap(std::vector<NodeChange>& changes, const HostView& view) {
    const auto fstab = NB_TRY(view.read(kFstab));
    if (!fstab) return {};
    std::vector<std::string> found;
    for (const auto line : lines_of(*fstab))
        if (is_swap_line(line)) found.emplace_back(trim(line));
    if (found.empty()) return {};
    changes.push_back({kFstab, join(found, ", "), "commented out",
                       WriteFile{kFstab, fstab_without_swap(*fstab), NB_TRY(attributes_to_keep(view, kFstab))}});
    return {};
}

// zram-generator.conf(5): a file in /etc hides its namesake in /run and /usr, drop-ins likewise.
Result<void> want_no_zram(std::vector<NodeChange>& changes, const HostView& view) {
    constexpr auto kGenerator = "/usr/lib/systemd/system-generators/zram-generator";
    if (!NB_TRY(view.stat(kGenerator))) return {};
    NB_CHECK(want_file(changes, view, "/etc/systemd/zram-generator.conf", kZramText));
    std::set<std::string> names;
    for (const std::string root : {"/etc", "/run", "/usr/local/lib", "/usr/lib"})
        for (const auto& name : NB_TRY(view.list(root + "/systemd/zram-generator.conf.d")))
            if (name.ends_with(".conf")) names.insert(name);
    for (const auto& name : names)
        NB_CHECK(want_file(changes, view, "/etc/systemd/zram-generator.conf.d/" + name, kZramText));
    return {};
}

// What generators made at boot. fstab's units vanish with the next daemon-reload once fstab has no swap line;
// those from the partition table (systemd-gpt-auto-generator) come back at every boot unless masked.
struct GeneratedUnits {
    bool from_fstab = false;
    std::set<std::string> others;
};

Result<GeneratedUnits> generated_swap_units(const HostView& view) {
    GeneratedUnits units;
    for (const Path folder : {"/run/systemd/generator.early", "/run/systemd/generator", "/run/systemd/generator.late"})
        for (const auto& name : NB_TRY(view.list(folder))) {
            if (!name.ends_with(".swap")) continue;
            const auto text = NB_TRY(view.read(folder / name)).value_or("");
            if (value_of(text, "SourcePath") == kFstab)
                units.from_fstab = true;
            else
                units.others.insert(name);
        }
    return units;
}

Result<void> want_masked(std::vector<NodeChange>& changes, const HostView& view, const std::string& unit) {
    const auto state = NB_TRY(view.unit(unit));
    if (!state.masked())
        changes.push_back({unit, state.file_state.empty() ? "would be started at boot" : state.file_state, "masked",
                           Unit{UnitVerb::mask, unit}});
    return {};
}

// A unit file of the user's own in /etc cannot be masked (the mask would have to stand in its place).
Result<void> want_own_units_disabled(std::vector<NodeChange>& changes, const HostView& view) {
    const Path folder = "/etc/systemd/system";
    for (const auto& name : NB_TRY(view.list(folder))) {
        if (!name.ends_with(".swap")) continue;
        const auto info = NB_TRY(view.stat(folder / name));
        if (!info || info->type != FileInfo::Type::file) continue;  // a link to /dev/null: masked
        if (NB_TRY(view.unit(name)).enabled())
            changes.push_back({name, "enabled", "disabled", Unit{UnitVerb::disable, name}});
    }
    return {};
}

// Services that make swap at boot: zram-tools (Debian), zram-config (Ubuntu), dphys-swapfile.
Result<void> want_no_swap_services(std::vector<NodeChange>& changes, const HostView& view) {
    for (const std::string name : {"zramswap.service", "zram-config.service", "dphys-swapfile.service"}) {
        if (!NB_TRY(view.stat("/usr/lib/systemd/system/" + name)) &&
            !NB_TRY(view.stat("/lib/systemd/system/" + name)) &&
            !NB_TRY(view.stat("/etc/init.d/" + name.substr(0, name.find('.')))))
            continue;
        if (NB_TRY(view.unit(name)).running())
            changes.push_back({name, "active", "stopped", Unit{UnitVerb::stop, name}});
        NB_CHECK(want_masked(changes, view, name));
    }
    return {};
}

Result<void> want_swaps_off(std::vector<NodeChange>& changes, const HostView& view) {
    const auto swaps = NB_TRY(view.read("/proc/swaps")).value_or("");
    bool header = true;
    for (const auto line : lines_of(swaps)) {
        const auto words = words_of(line);
        if (!header && words.size() >= 3) {
            const auto name = unescape_mount_name(words[0]);
            changes.push_back({"swap " + name, std::string(words[2]) + " KiB in use as swap", "off", SwapOff{name}});
        }
        header = false;
    }
    return {};
}

class Swap final : public NodePhase {
   public:
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_fstab_without_swap(changes, view));
        const bool fstab_changed = !changes.empty();
        NB_CHECK(want_no_zram(changes, view));
        const auto units = NB_TRY(generated_swap_units(view));
        if (fstab_changed || units.from_fstab)
            changes.push_back({"systemd", "has units of fstab's swap lines", "reloaded", DaemonReload{}});
        for (const auto& name : units.others) NB_CHECK(want_masked(changes, view, name));
        NB_CHECK(want_own_units_disabled(changes, view));
        NB_CHECK(want_swaps_off(changes, view));  // before the services: stopping zramswap takes the device away
        NB_CHECK(want_no_swap_services(changes, view));
        return changes;
    }

   private:
    // Swapping in what is out there can take a while on a small disk.
    PhaseInfo info_{"swap", "Swap is off, now and at boot", {"preflight"}, std::chrono::minutes(5)};
};

}  // namespace

std::string fstab_without_swap(std::string_view fstab) {
    std::string out;
    for (const auto line : lines_of(fstab)) {
        if (is_swap_line(line)) out += "# nodeboot: ";
        out += line;
        out += '\n';
    }
    if (!fstab.ends_with('\n') && !out.empty()) out.pop_back();
    return out;
}

std::string unescape_mount_name(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto octal = [&](std::size_t at) { return at < name.size() && name[at] >= '0' && name[at] <= '7'; };
        if (name[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
            out += static_cast<char>((name[i + 1] - '0') * 64 + (name[i + 2] - '0') * 8 + (name[i + 3] - '0'));
            i += 3;
        } else {
            out += name[i];
        }
    }
    return out;
}

std::shared_ptr<const NodePhase> make_swap_phase(const Config&) { return std::make_shared<Swap>(); }

}  // namespace nodeboot
