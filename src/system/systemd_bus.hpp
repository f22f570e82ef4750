#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/result.hpp"
#include "system/fd.hpp"
#include "system/host.hpp"

namespace nodeboot {

struct DbusCall;
struct DbusMessage;

/// Asks systemd about units over D-Bus: its own socket for root (/run/systemd/private, there before any bus daemon is),
/// else the system bus. Only looks; starting and enabling is systemctl's, which waits and explains. One connection,
/// made at the first question and made again when systemd was re-executed. Thread-safe.
class SystemdBus {
   public:
    SystemdBus(Path private_socket, Path bus_socket);

    /// `unavailable` where no systemd answers, `invalid_input` for a name that is none.
    Result<UnitState> unit(const std::string& name);

   private:
    Result<std::vector<DbusMessage>> ask(const std::vector<DbusCall>& calls);
    Result<std::vector<DbusMessage>> ask_once(const std::vector<DbusCall>& calls);
    Result<void> connect();
    Result<void> connect_to(const Path& socket, bool is_bus);
    Result<void> send(std::string_view bytes);
    Result<void> receive_some();
    Result<std::string> receive_line();
    Result<DbusMessage> receive_message();

    const Path private_socket_, bus_socket_;
    std::mutex mutex_;
    Fd fd_;
    bool ever_connected_ = false;  ///< there is a systemd: when it is away, it comes back
    std::string received_;
    std::uint32_t serial_ = 0;
};

}  // namespace nodeboot
