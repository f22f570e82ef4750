#pragma once

#include <mutex>

#include "engine/record.hpp"
#include "system/host.hpp"

namespace nodeboot::cli {

/// The folder of run records: 0700, each record 0600, the newest 50 kept.
class RunHistory {
   public:
    explicit RunHistory(Host& host, Path folder = "/var/lib/nodeboot/runs") : host_(host), folder_(std::move(folder)) {}

    Result<void> save(const std::string& id, const RunRecord& record);
    Result<void> prune(std::size_t keep = 50);
    /// The record called `id`; when empty, the newest of a run that changed something, else the newest. `not_found`
    /// says what there is.
    Result<RunRecord> load(const std::string& id) const;
    const Path& folder() const { return folder_; }

   private:
    Result<RunRecord> read(const std::string& file) const;
    Result<RunRecord> newest_of_interest(const std::vector<std::string>& names) const;

    Host& host_;
    Path folder_;
};

/// Writes the record when the run begins and whenever a phase ends, so that a run that is killed leaves a trace.
/// A record that cannot be written is worth a warning, never the run (the disk may be full).
class RunRecorder final : public RunObserver {
   public:
    RunRecorder(RunHistory& history, const Log& log, std::string id, RunRecord record);
    void phase_ended(const PhaseInfo& info, const PhaseReport& report) override;
    void finish(const RunReport& report);

   private:
    void save();
    RunHistory& history_;
    const Log& log_;
    std::string id_;
    RunRecord record_;
    bool warned_ = false;
};

/// What is known of this boot: kernel, cloud-init's stages (/run/cloud-init/status.json), how long ago it began.
/// Whatever cannot be read is left out.
void describe_boot(RunRecord& record, const HostView& view, WallTime now);

}  // namespace nodeboot::cli
