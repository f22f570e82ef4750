#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "system/dbus_message.hpp"
#include "system/fd.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// Asks systemd about units over D-Bus: over the system bus, else over systemd's own socket for root
/// (/run/systemd/private, there before any bus daemon is), where a connection costs systemd 2 ms. Only looks; starting
/// and enabling is systemctl's, which waits and explains. One connection, made at the first question and made again when
/// systemd was re-executed. Thread-safe.
class SystemdBus {
   public:
    SystemdBus(Path bus_socket, Path private_socket);

    /// systemd searches its folders for UnitFileState, a millisecond for each unit: whoever knows it leaves it out.
    enum class FileState { asked, left_out };
    /// `unavailable` where no systemd answers, `invalid_input` for a name that is none.
    Result<UnitState> unit(const std::string& name, FileState file_state = FileState::asked);
    Result<bool> needs_reload(const std::string& unit);
    /// Sends the questions of unit(…, FileState::left_out) for all of these and returns; the next unit() for each takes
    /// the answer, when it comes within a second. What goes wrong here, unit() finds out for itself.
    void ask_ahead(const std::vector<std::string>& units);

   private:
    /// Questions that were sent together, by the serial of the first.
    struct Batch {
        std::vector<DbusMessage> answers;
        std::size_t missing = 0;
    };
    struct Ahead {
        std::uint32_t first = 0;
        std::chrono::steady_clock::time_point sent;
    };

    std::uint32_t add(const std::vector<DbusCall>& calls, std::string& request);
    Result<std::vector<DbusMessage>> settle(std::uint32_t first);
    std::optional<std::vector<DbusMessage>> asked_ahead(const std::string& unit);
    void hang_up();
    Result<std::vector<DbusMessage>> ask(const std::vector<DbusCall>& calls);
    Result<std::vector<DbusMessage>> ask_once(const std::vector<DbusCall>& calls);
    Result<void> connect();
    Result<void> connect_to(const Path& socket, std::string_view hello);
    Result<void> dial(const Path& socket);
    Result<void> hear_consent();
    Result<void> send(std::string_view bytes);
    Result<void> receive_some(int patience_ms);
    Result<std::string> receive_line();
    Result<DbusMessage> receive_message();

    const Path bus_socket_, private_socket_;
    std::mutex mutex_;
    Fd fd_;
    bool ever_connected_ = false;  ///< there is a systemd: when it is away, it comes back
    bool bus_refuses_ = false;     ///< it has too many connections; systemd's own socket is left
    bool consent_is_due_ = false;  ///< the answer to our authentication has not been read
    std::map<std::uint32_t, Batch> batches_;
    std::map<std::string, Ahead> ahead_;
    std::string received_;
    std::uint32_t serial_ = 0;
};

}  // namespace nodeboot
