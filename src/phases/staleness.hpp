#pragma once

#include <vector>

#include "base/clock.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Whether a running service has not read its file yet: it was started before the file was last written. This is seen
/// from the machine alone, so that a crash between "write the file" and "restart the service" is mended by the next
/// run. A file dated in the future proves nothing (the clock went back when time synchronisation arrived) and never
/// counts; neither does a service that is not running or does not say when it was started. Nor does a file from before
/// this boot: whatever runs now has read it, even where it was started by a clock that was behind then and has been put
/// right since. A file of a clock that was ahead and was put back in this very boot counts once its time has come: at
/// most one restart too many, after which the service is the younger one.
Result<bool> started_before_written(const HostView& view, const UnitState& unit, const Path& file, const Clock& clock);

/// The same for files that may be somebody else's: only nodeboot's own count.
Result<bool> started_before_own(const HostView& view, const UnitState& unit, const Path& file, const Clock& clock);

/// Whether `changes` write the content of `file` (a mere change of mode needs no restart).
bool writes(const std::vector<NodeChange>& changes, const Path& file);

/// The same for undoing: whether a running service still works with a file that is being, or was, put back or taken
/// away. A file's absence has no date; that of its folder stands for it.
Result<bool> outlived(const std::vector<NodeChange>& changes, const HostView& view, const UnitState& unit,
                      const Path& file, const Clock& clock);

/// Mode and owner of a file that is rewritten for somebody else; the usual ones when there is none yet.
Result<FileAttributes> attributes_to_keep(const HostView& view, const Path& file);

}  // namespace nodeboot
