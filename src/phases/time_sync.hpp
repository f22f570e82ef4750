#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// The clock is kept right by the daemon that the machine has (chrony, else systemd-timesyncd), asking
/// `time.servers`: by default Amazon's, which is reachable from every VPC without a route. Certificates and SigV4
/// depend on it. A machine that must not set its clock (a container, or no CAP_SYS_TIME: systemd itself skips the
/// daemons there) gets its time from the machine below: the files are written, the daemon is not expected to run, and
/// verify says so. A machine with neither daemon gets systemd-timesyncd from its distribution; where another one
/// (ntpsec, openntpd) is installed and runs, it stays and nothing is done.
std::shared_ptr<const NodePhase> make_time_sync_phase(const Config& config, const Clock& clock);

}  // namespace nodeboot
