#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/runner.hpp"

namespace nodeboot {

/// What a run leaves behind: for people and `node timeline`, never read to decide what to do. Holds what reports hold
/// (names, states, errors), so no secret.

/// A span of the boot before the run, on the kernel's own clock.
struct BootStage {
    std::string name;           ///< "cloud-init local"
    Duration began{}, ended{};  ///< since the kernel started
    friend bool operator==(const BootStage&, const BootStage&) = default;
};

struct RunRecord {
    std::string command;                          ///< "node up"
    std::string node;                             ///< hostname
    std::map<std::string, std::string> versions;  ///< "nodeboot": "0.1.0", "kernel": "6.1.0-13-amd64", ...
    std::string boot_id;                          ///< /proc/sys/kernel/random/boot_id
    Duration since_boot{};                        ///< from the kernel's start to this run's
    std::vector<BootStage> boot;
    bool finished = false;  ///< false in the record of a run that was killed, or still goes on
    RunReport report;       ///< of the phases that have ended
};

std::string to_json(const RunRecord& record);
/// `corrupted` names what is missing. Unknown keys are let pass: an older nodeboot may read a newer record.
Result<RunRecord> parse_record(std::string_view text);

/// {"ok", "changed", "took_ms", "phases": [...], "changes": [flat]}: what --output json and records share. Times are
/// milliseconds with three decimals.
nlohmann::ordered_json report_json(const RunReport& report);
nlohmann::ordered_json error_json(const Error& error);

/// Where the record of a run is kept: "20261123T042000Z-812", sorted by time.
std::string run_id(WallTime began, long pid);
/// Of names in the folder of records, those beyond the newest `keep`; names of other forms are left alone.
std::vector<std::string> surplus_records(std::vector<std::string> names, std::size_t keep);

}  // namespace nodeboot
