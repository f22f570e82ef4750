#include "phases/swap.hpp"

#include <array>
#include <set>

#include "base/lines.hpp"
#include "phases/commented_lines.hpp"
#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kFstab = "/etc/fstab";
constexpr auto kUnits = "/etc/systemd/system";
constexpr auto kDropIn = "50-nodeboot.conf";
// "/" exists always, so the unit starts never, whoever asks for it.
constexpr auto kNever =
    "# Made by nodeboot; not started: kubelet refuses to work with swap on.\n[Unit]\nConditionPathExists=!/\n";
constexpr auto kZramFile = "/etc/systemd/zram-generator.conf";
constexpr auto kZramDropIns = "/etc/systemd/zram-generator.conf.d";
constexpr auto kZramText = "# Made by nodeboot; no zram swap: kubelet refuses to start with swap on.\n";

// zram-tools (Debian), zram-config (Ubuntu), dphys-swapfile.
constexpr std::array swap_services{"zramswap.service", "zram-config.service", "dphys-swapfile.service"};

Path drop_in_of(const std::string& unit) { return Path(kUnits) / (unit + ".d") / kDropIn; }

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
    NB_CHECK(want_file(changes, view, kZramFile, kZramText));
    std::set<std::string> names;
    for (const std::string root : {"/etc", "/run", "/usr/local/lib", "/usr/lib"})
        for (const auto& name : NB_TRY(view.list(root + "/systemd/zram-generator.conf.d")))
            if (name.ends_with(".conf")) names.insert(name);
    for (const auto& name : names) NB_CHECK(want_file(changes, view, Path(kZramDropIns) / name, kZramText));
    return {};
}

// What generators made at boot. fstab's units vanish with the next daemon-reload once fstab has no swap line;
// those from the partition table (systemd-gpt-auto-generator) come back at every boot.
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

// Not a mask: that is a link in the unit's own place, where a user's unit file stands already, and it could not be told
// from somebody else's when it is time to undo it.
// True: systemd has to read its files again.
Result<bool> want_never_started(std::vector<NodeChange>& changes, const HostView& view, const std::string& unit) {
    const auto state = NB_TRY(view.unit(unit));
    if (state.file_state == "masked") return false;  // "masked-runtime" ends with this boot
    NB_CHECK(want_file(changes, view, drop_in_of(unit), kNever));
    return writes(changes, drop_in_of(unit)) || NB_TRY(view.needs_reload(unit));
}

// Swap units that a person or a package wrote.
Result<std::set<std::string>> written_swap_units(const HostView& view) {
    std::set<std::string> units;
    for (const Path folder : {kUnits, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"})
        for (const auto& name : NB_TRY(view.list(folder))) {
            if (!name.ends_with(".swap")) continue;
            const auto info = NB_TRY(view.stat(folder / name));
            if (info && info->type == FileInfo::Type::file) units.insert(name);  // a link to /dev/null: masked
        }
    return units;
}

// Those of them that this machine has.
Result<std::vector<std::string>> present_swap_services(const HostView& view) {
    std::vector<std::string> found;
    for (const std::string name : swap_services)
        if (NB_TRY(view.stat("/usr/lib/systemd/system/" + name)) || NB_TRY(view.stat("/lib/systemd/system/" + name)) ||
            NB_TRY(view.stat("/etc/init.d/" + name.substr(0, name.find('.')))))
            found.push_back(name);
    return found;
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
        const auto generated = NB_TRY(generated_swap_units(view));
        bool reload = !changes.empty() || generated.from_fstab;
        NB_CHECK(want_no_zram(changes, view));
        const auto services = NB_TRY(present_swap_services(view));
        auto never = NB_TRY(written_swap_units(view));
        never.insert(generated.others.begin(), generated.others.end());
        never.insert(services.begin(), services.end());
        for (const auto& name : never) reload = NB_TRY(want_never_started(changes, view, name)) || reload;
        if (reload) changes.push_back({"systemd", "has not read how swap is kept off", "reloaded", DaemonReload{}});
        NB_CHECK(want_swaps_off(changes, view));  // before the services: stopping zramswap takes the device away
        for (const auto& name : services)
            if (NB_TRY(view.unit(name)).running())
                changes.push_back({name, "active", "stopped", Unit{UnitVerb::stop, name}});
        return changes;
    }

    // Swap itself comes back with the next boot.
    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        const auto fstab = NB_TRY(view.read(kFstab)).value_or("");
        if (const auto restored = with_lines_restored(fstab); restored != fstab)
            changes.push_back({kFstab, "swap lines commented out", "as before",
                               WriteFile{kFstab, restored, NB_TRY(attributes_to_keep(view, kFstab))}});
        NB_CHECK(want_restored(changes, view, kZramFile));
        for (const auto& name : NB_TRY(view.list(kZramDropIns)))
            if (name.ends_with(".conf")) NB_CHECK(want_restored(changes, view, Path(kZramDropIns) / name));
        std::set<std::string> units(swap_services.begin(), swap_services.end());
        for (const auto& name : NB_TRY(view.list(kUnits)))
            if (name.ends_with(".swap.d")) units.insert(name.substr(0, name.size() - 2));
        for (const auto& unit : units) {
            NB_CHECK(want_restored(changes, view, drop_in_of(unit)));
            NB_CHECK(want_no_empty_folder(changes, view, drop_in_of(unit).parent_path()));
        }
        if (!changes.empty()) changes.push_back({"systemd", "older than its files", "as on disk", DaemonReload{}});
        return changes;
    }

   private:
    // Swapping in what is out there can take a while on a small disk.
    PhaseInfo info_{"swap", "Swap is off, now and at boot", {"preflight"}, std::chrono::minutes(5)};
};

}  // namespace

std::string fstab_without_swap(std::string_view fstab) { return with_lines_commented(fstab, is_swap_line); }

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
