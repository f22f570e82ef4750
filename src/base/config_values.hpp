#pragma once

#include <array>
#include <map>
#include <optional>

#include "base/config_schema.hpp"

namespace nodeboot::config_values {

/// How each type that a Config field can have is read from TOML, written back, and named. One pair of functions a
/// type; config_schema.cpp binds them to fields. Reading reports every problem it finds and leaves a bad field alone.

using Problems = std::vector<ValueProblem>;
template <class T>
using Names = std::span<const std::pair<T, std::string_view>>;

Problems read(const Setting&, std::string& field, const TomlValue&);
Problems read(const Setting&, bool& field, const TomlValue&);
Problems read(const Setting&, unsigned& field, const TomlValue&);
Problems read(const Setting&, std::optional<unsigned>& field, const TomlValue&);
Problems read(const Setting&, Duration& field, const TomlValue&);
Problems read(const Setting&, Cidr& field, const TomlValue&);
Problems read(const Setting&, Version& field, const TomlValue&);
Problems read(const Setting&, std::vector<std::string>& field, const TomlValue&);
Problems read(const Setting&, std::vector<Taint>& field, const TomlValue&);
Problems read(const Setting&, std::map<std::string, std::string>& field, const TomlValue&);
Problems read(const Setting&, std::map<std::string, std::vector<std::string>>& field, const TomlValue&);
/// "30000-32767"
Problems read_port_range(const Setting&, unsigned& first, unsigned& last, const TomlValue&);
/// A table, or a string that is itself TOML.
Problems read_toml_text(const Setting&, std::string& field, const TomlValue&);
/// One of a fixed set of words; gives its index.
Problems read_word(std::span<const std::string_view> words, std::size_t& index, const TomlValue&);

TomlValue write(const std::string&);
TomlValue write(bool);
TomlValue write(unsigned);
TomlValue write(const std::optional<unsigned>&);  ///< "" when not set
TomlValue write(Duration);
TomlValue write(const Cidr&);
TomlValue write(const Version&);
TomlValue write(const std::vector<std::string>&);
TomlValue write(const std::vector<Taint>&);
TomlValue write(const std::map<std::string, std::string>&);
TomlValue write(const std::map<std::string, std::vector<std::string>>&);

/// Nested tables as one level: {net = {ipv4 = {ip_forward = 1}}} is "net.ipv4.ip_forward", so that dotted keys need
/// no quotes.
std::vector<TomlEntry> flatten(const TomlTable& table);

}  // namespace nodeboot::config_values
