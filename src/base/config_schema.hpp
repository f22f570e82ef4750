#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/config_syntax.hpp"
#include "base/toml.hpp"

namespace nodeboot {

/// The one table of everything that can be set. Loading, `config reference`, `config show --origin` and the suggestions
/// for unknown keys are all made from it, so that they cannot disagree. Defaults are those of a fresh Config.

/// Whose machine reads a setting, from many to few: the launcher hands a node only what is for it.
enum class Audience {
    every_node,
    control_plane,  ///< control-plane nodes; a worker is not told
    operators,      ///< `nodeboot cluster …` on an operator's machine; no node is told
};

/// Something wrong with one value, before it is known which file it is in.
struct ValueProblem {
    TomlPosition position;
    std::string below;  ///< the entry of a table or list it is about: "zone", "[2]"; empty: the value itself
    std::string message;
};

struct Setting {
    /// What the value must be, beyond its type. Numbers count in the type's own unit, durations in seconds.
    struct Limits {
        std::int64_t least = 0;
        std::int64_t most = 0;              ///< 0: none
        syntax::Check check = nullptr;      ///< of a string, of each element of a list, of each value of a table
        syntax::Check key_check = nullptr;  ///< of each key of a table
        bool may_be_empty = false;          ///< "" stands for "not set" and is not checked
    };

    std::string_view key;   ///< dotted, "network.pod_cidr"
    std::string_view type;  ///< for people: "IPv4 range"
    Limits limits{};
    std::string_view help;                     ///< one or two sentences, Markdown
    std::string_view when_empty;               ///< what an empty default means: "the machine's hostname"
    std::string_view example;                  ///< a value in TOML, for the reference, where the default shows none
    Audience audience = Audience::every_node;  ///< its own; see audience_of()

    std::vector<ValueProblem> (*set)(const Setting&, Config&, const TomlValue&) = nullptr;
    TomlValue (*get)(const Config&) = nullptr;
    std::string (*allowed)(const Setting&) =
        nullptr;  ///< "`ssm`, `folder`", "1 to 65535"; empty when the type says it all
    enum class Shape { value, list, table, table_of_lists } shape = Shape::value;

    /// Keys below it are the user's own; layers add up entry by entry.
    bool is_table() const { return shape == Shape::table || shape == Shape::table_of_lists; }
    std::string_view section() const { return key.substr(0, key.find('.')); }
    std::string_view name() const { return key.substr(key.find('.') + 1); }
};

struct Section {
    std::string_view name;
    std::string_view help;
    Audience audience = Audience::every_node;
};

std::span<const Section> config_sections();
std::span<const Setting> config_settings();    ///< in the order of the reference; those of a section stand together
Audience audience_of(const Setting& setting);  ///< the narrower of its own and its section's
const Setting* find_setting(std::string_view key);

}  // namespace nodeboot
