#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace nodeboot {

/// What a node has said of itself on its console: the records that nodeboot writes there (docs/output.md), as EC2 gives
/// them back. A console also holds what the kernel and others print, torn lines, and only its last 64 KiB.
struct NodeConsole {
    enum class State {
        silent,      ///< nothing of nodeboot yet
        installing,  ///< the binary is being fetched
        running,
        ready,
        failed,   ///< the last run failed; the unit tries again by itself
        refused,  ///< and no further run can help
    };
    State state = State::silent;
    std::string at;     ///< of the last record: "2026-11-23T04:20:12Z"
    std::string doing;  ///< for people: "containerd: 3 changes, 4.2s"
    Error error;        ///< failed, refused: what the node said, with its hint
};
std::string_view to_string(NodeConsole::State state);

NodeConsole read_console(std::string_view text);

/// The value of a key in a record: `name=word` or `name="with \"quotes\""`; nothing when it is not there.
std::optional<std::string> record_value(std::string_view record, std::string_view name);

}  // namespace nodeboot
