#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace nodeboot {

/// TOML 1.0 as plain values with the place each came from, so that a mistake can be shown where it was made.
/// Parsing is pure: text in, values or the first syntax error out. The only file that knows the TOML library.

struct TomlPosition {
    unsigned line = 0;  ///< from 1; 0: not from a text
    unsigned column = 0;
    friend auto operator<=>(const TomlPosition&, const TomlPosition&) = default;
};

struct TomlValue;
struct TomlEntry;
using TomlArray = std::vector<TomlValue>;

/// Keys in the order of the text; no key stands twice.
struct TomlTable {
    std::vector<TomlEntry> entries;
    const TomlValue* find(std::string_view key) const;
    /// Replaces the value of a key that is there; makes it otherwise.
    void set(std::string key, TomlValue value);
};

/// Dates and times have no use here and are kept as their text.
struct TomlDate {
    std::string text;
};

struct TomlValue {
    std::variant<bool, std::int64_t, double, std::string, TomlDate, TomlArray, TomlTable> data;
    TomlPosition position{};

    template <class T>
    const T* get() const {
        return std::get_if<T>(&data);
    }
    std::string_view type_name() const;  ///< "a string", "a whole number", "a table", ...
};

struct TomlEntry {
    std::string key;
    TomlPosition position;  ///< of the key; for a table, of its header
    TomlValue value;
};

struct TomlSyntaxError {
    TomlPosition position;
    std::string message;
};

tl::expected<TomlTable, TomlSyntaxError> parse_toml(std::string_view text);

/// One value as it stands right of "=".
std::string to_toml(const TomlValue& value);

/// A whole document: plain keys first, then one [header] a table; arrays of tables as [[header]].
std::string to_toml(const TomlTable& table);

/// `over` wins; tables are merged key by key, everything else is replaced.
void merge_toml(TomlTable& base, const TomlTable& over);

/// A key as TOML needs it: bare where possible, else quoted.
std::string toml_key(std::string_view key);
/// A string with its quotes.
std::string toml_string(std::string_view text);

}  // namespace nodeboot
