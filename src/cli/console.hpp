#pragma once

#include <string>

#include "base/clock.hpp"
#include "cli/console_records.hpp"

namespace nodeboot::cli {

/// Writes lines to the machine's console, which others write to as well: systemd, cloud-init, a login prompt.
/// It is opened anew for each line, because a getty hangs up whatever is open on it when it starts (TTYVHangup=), and
/// a line that it does not take is offered again: a non-blocking write fails whenever another process is in the middle
/// of one (tty_write_lock in the kernel's tty_io.c), and when a slow serial line has its buffer full.
/// Never waits long: a console that takes nothing, such as a serial line stopped by XOFF, holds up a run for
/// `console_patience` once, not at each line. Never becomes the controlling terminal.
/// Nothing where `path` cannot be opened, or where `terminal_fd` is the same device and shows everything anyway.
ConsoleRecords::Writer console_writer(const std::string& path, int terminal_fd, Clock& clock);

/// EC2's serial line, 115200 baud, empties a full buffer of 4 KiB in 0.4 s.
constexpr Duration console_patience = std::chrono::seconds(3);

}  // namespace nodeboot::cli
