#include "base/config_values.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/duration.hpp"
#include "base/nearest.hpp"

namespace nodeboot::config_values {
namespace {

Problems problem(const TomlValue& at, std::string message, std::string below = {}) {
    return {{at.position, std::move(below), std::move(message)}};
}

std::string shown(const TomlValue& value) {
    if (const auto* text = value.get<std::string>(); text && text->size() <= 40)
        return "the string " + toml_string(*text);
    if (const auto* number = value.get<std::int64_t>()) return fmt::format("the number {}", *number);
    if (value.get<bool>() || value.get<double>()) return to_toml(value);
    return std::string(value.type_name());
}

Problems wrong_type(const TomlValue& value, std::string_view wanted, std::string below = {}) {
    return problem(value, fmt::format("must be {}, not {}", wanted, shown(value)), std::move(below));
}

const std::string* as_text(const TomlValue& value) { return value.get<std::string>(); }

std::string said(const Error& error) { return error.hint.empty() ? error.message : error.message + "; " + error.hint; }

/// Numbers are taken as strings where a string is wanted for each of many keys: sysctl values, flags, labels.
std::optional<std::string> as_loose_text(const TomlValue& value) {
    if (const auto* text = as_text(value)) return *text;
    if (value.get<std::int64_t>() != nullptr || value.get<bool>() != nullptr) return to_toml(value);
    return std::nullopt;
}

void append(Problems& all, Problems more) { all.insert(all.end(), more.begin(), more.end()); }

Problems check_text(const Setting& setting, const TomlValue& at, const std::string& text, std::string below = {}) {
    if (text.empty() && setting.limits.may_be_empty) return {};
    if (setting.limits.check == nullptr) return {};
    auto message = setting.limits.check(text);
    return message.empty() ? Problems() : problem(at, std::move(message), std::move(below));
}

/// Reads a list of strings; `below` names the list when it is itself an entry of a table.
Problems read_list(const Setting& setting, std::vector<std::string>& field, const TomlValue& value,
                   const std::string& below) {
    const auto* array = value.get<TomlArray>();
    if (array == nullptr) return wrong_type(value, "a list of strings", below);
    Problems problems;
    std::vector<std::string> out;
    for (const auto& element : *array) {
        const std::string place = fmt::format("{}[{}]", below, out.size() + 1);
        const auto* text = as_text(element);
        append(problems, text ? check_text(setting, element, *text, place) : wrong_type(element, "a string", place));
        const bool twice = text && std::find(out.begin(), out.end(), *text) != out.end();
        if (twice) append(problems, problem(element, fmt::format("'{}' stands twice", *text), place));
        out.push_back(text ? *text : std::string());
    }
    if (problems.empty()) field = std::move(out);
    return problems;
}

Result<Taint> parse_taint(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto equals = text.substr(0, colon).find('=');
    Taint taint{std::string(text.substr(0, std::min(equals, colon))),
                equals == std::string_view::npos ? "" : std::string(text.substr(equals + 1, colon - equals - 1)),
                colon == std::string_view::npos ? "" : std::string(text.substr(colon + 1))};
    static const std::vector<std::string> effects{"NoSchedule", "PreferNoSchedule", "NoExecute"};
    if (colon == std::string_view::npos)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' has no effect; write \"key=value:NoSchedule\"", text));
    if (std::find(effects.begin(), effects.end(), taint.effect) == effects.end()) {
        const auto near = nearest(taint.effect, effects);
        return fail(ErrorKind::invalid_input,
                    fmt::format("'{}' is not one of NoSchedule, PreferNoSchedule, NoExecute", taint.effect),
                    near.empty() ? "" : fmt::format("did you mean {}?", near));
    }
    for (const auto& wrong : {syntax::label_key(taint.key), syntax::label_value(taint.value)})
        if (!wrong.empty()) return fail(ErrorKind::invalid_input, wrong);
    return taint;
}

template <class T>
Problems read_table(const Setting& setting, std::map<std::string, T>& field, const TomlValue& value,
                    std::string_view wanted, const std::function<Problems(T&, const TomlEntry&)>& read_entry) {
    const auto* table = value.get<TomlTable>();
    if (table == nullptr) return wrong_type(value, wanted);
    Problems problems;
    for (const auto& entry : flatten(*table)) {
        T element{};
        auto wrong = read_entry(element, entry);
        if (setting.limits.key_check != nullptr)
            if (auto message = setting.limits.key_check(entry.key); !message.empty())
                wrong.insert(wrong.begin(), {entry.position, entry.key, std::move(message)});
        if (wrong.empty()) field[entry.key] = std::move(element);
        append(problems, std::move(wrong));
    }
    return problems;
}

void flatten_into(std::vector<TomlEntry>& out, const TomlTable& table, const std::string& prefix) {
    for (const auto& entry : table.entries) {
        const std::string key = prefix.empty() ? entry.key : prefix + "." + entry.key;
        if (const auto* child = entry.value.get<TomlTable>())
            flatten_into(out, *child, key);
        else
            out.push_back({key, entry.position, entry.value});
    }
}

}  // namespace

std::vector<TomlEntry> flatten(const TomlTable& table) {
    std::vector<TomlEntry> out;
    flatten_into(out, table, "");
    return out;
}

Problems read(const Setting& setting, std::string& field, const TomlValue& value) {
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "a string");
    auto problems = check_text(setting, value, *text);
    if (problems.empty()) field = *text;
    return problems;
}

Problems read(const Setting&, bool& field, const TomlValue& value) {
    const auto* flag = value.get<bool>();
    if (flag == nullptr) return wrong_type(value, "true or false");
    field = *flag;
    return {};
}

Problems read(const Setting& setting, unsigned& field, const TomlValue& value) {
    const auto* number = value.get<std::int64_t>();
    const std::int64_t most = setting.limits.most == 0 ? std::numeric_limits<unsigned>::max() : setting.limits.most;
    if (number == nullptr) return wrong_type(value, "a whole number");
    if (*number < setting.limits.least || *number > most)
        return problem(value, setting.limits.most == 0
                                  ? fmt::format("{} is below {}", *number, setting.limits.least)
                                  : fmt::format("{} is outside {} to {}", *number, setting.limits.least, most));
    field = static_cast<unsigned>(*number);
    return {};
}

Problems read(const Setting& setting, std::optional<unsigned>& field, const TomlValue& value) {
    unsigned number = 0;
    auto problems = read(setting, number, value);
    if (problems.empty()) field = number;
    return problems;
}

Problems read(const Setting& setting, Duration& field, const TomlValue& value) {
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "a duration in quotes, like \"90s\" or \"1h30m\"");
    const auto parsed = parse_duration(*text);
    if (!parsed) return problem(value, said(parsed.error()));
    const Duration least = std::chrono::seconds(setting.limits.least), most = std::chrono::seconds(setting.limits.most);
    if (*parsed < least || *parsed > most)
        return problem(value, fmt::format("{} is outside {} to {}", *text, duration_text(least), duration_text(most)));
    field = *parsed;
    return {};
}

Problems read(const Setting&, Cidr& field, const TomlValue& value) {
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "an IPv4 range in quotes, like \"10.0.0.0/16\"");
    const auto parsed = parse_cidr(*text);
    if (!parsed) return problem(value, said(parsed.error()));
    field = *parsed;
    return {};
}

Problems read(const Setting&, Version& field, const TomlValue& value) {
    if (value.get<double>() != nullptr)
        return problem(value, "must be in quotes, like \"1.35\": as a number, 1.30 would be 1.3");
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "a version in quotes, like \"1.35\" or \"1.35.2\"");
    const std::string_view numbers = std::string_view(*text).substr(text->starts_with('v') ? 1 : 0);
    const auto parsed = parse_version(*text);
    if (!parsed || parsed->text() != numbers)
        return problem(value, fmt::format("'{}' is not a version like \"1.35\" or \"1.35.2\"", *text));
    field = *parsed;
    return {};
}

Problems read(const Setting& setting, std::vector<std::string>& field, const TomlValue& value) {
    return read_list(setting, field, value, "");
}

Problems read(const Setting&, std::vector<Taint>& field, const TomlValue& value) {
    const auto* array = value.get<TomlArray>();
    if (array == nullptr) return wrong_type(value, "a list of strings like \"key=value:NoSchedule\"");
    Problems problems;
    std::vector<Taint> out;
    for (const auto& element : *array) {
        const std::string place = fmt::format("[{}]", out.size() + 1);
        const auto* text = as_text(element);
        auto taint = text ? parse_taint(*text) : Result<Taint>(Taint{});
        if (text == nullptr) append(problems, wrong_type(element, "a string like \"key=value:NoSchedule\"", place));
        if (!taint) append(problems, problem(element, said(taint.error()), place));
        // The API server refuses two taints of one key and effect.
        for (const auto& other : out)
            if (taint && text && other.key == taint->key && other.effect == taint->effect)
                append(problems, problem(element, fmt::format("a second taint {}:{}", other.key, other.effect), place));
        out.push_back(taint ? *std::move(taint) : Taint{});
    }
    if (problems.empty()) field = std::move(out);
    return problems;
}

Problems read(const Setting& setting, std::map<std::string, std::string>& field, const TomlValue& value) {
    return read_table<std::string>(setting, field, value, "a table of strings",
                                   [&](std::string& out, const TomlEntry& entry) {
                                       const auto text = as_loose_text(entry.value);
                                       if (!text) return wrong_type(entry.value, "a string", entry.key);
                                       out = *text;
                                       return check_text(setting, entry.value, out, entry.key);
                                   });
}

Problems read(const Setting& setting, std::map<std::string, std::vector<std::string>>& field, const TomlValue& value) {
    return read_table<std::vector<std::string>>(setting, field, value, "a table of lists",
                                                [&](std::vector<std::string>& out, const TomlEntry& entry) {
                                                    return read_list(setting, out, entry.value, entry.key);
                                                });
}

Problems read_port_range(const Setting& setting, unsigned& first, unsigned& last, const TomlValue& value) {
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "two ports in quotes, like \"30000-32767\"");
    unsigned from = 0, to = 0;
    const char* const end = text->data() + text->size();
    const auto left = std::from_chars(text->data(), end, from);
    const bool dash = left.ec == std::errc{} && left.ptr != end && *left.ptr == '-';
    const auto right =
        dash ? std::from_chars(left.ptr + 1, end, to) : std::from_chars_result{end, std::errc::invalid_argument};
    if (right.ec != std::errc{} || right.ptr != end)
        return problem(value, fmt::format("'{}' is not a range of ports like \"30000-32767\"", *text));
    const auto least = static_cast<unsigned>(setting.limits.least), most = static_cast<unsigned>(setting.limits.most);
    if (from > to) return problem(value, fmt::format("{} begins after its end", *text));
    if (from < least || to > most) return problem(value, fmt::format("{} is outside {} to {}", *text, least, most));
    first = from;
    last = to;
    return {};
}

Problems read_toml_text(const Setting&, std::string& field, const TomlValue& value) {
    if (const auto* table = value.get<TomlTable>()) {
        field = to_toml(*table);
        return {};
    }
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "a table, or a string that holds TOML");
    const auto parsed = parse_toml(*text);
    if (!parsed)
        return problem(
            value, fmt::format("is not TOML: its line {}: {}", parsed.error().position.line, parsed.error().message));
    field = *text;
    return {};
}

Problems read_word(std::span<const std::string_view> words, std::size_t& index, const TomlValue& value) {
    std::string all;
    std::vector<std::string> candidates;
    for (const auto word : words) {
        all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", word);
        candidates.emplace_back(word);
    }
    const auto* text = as_text(value);
    if (text == nullptr) return wrong_type(value, "one of " + all);
    const auto it = std::find(words.begin(), words.end(), *text);
    if (it == words.end()) {
        const auto near = nearest(*text, candidates);
        return problem(value, fmt::format("'{}' is not one of {}{}", *text, all,
                                          near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
    index = static_cast<std::size_t>(it - words.begin());
    return {};
}

TomlValue write(const std::string& field) { return {field}; }
TomlValue write(bool field) { return {field}; }
TomlValue write(unsigned field) { return {std::int64_t{field}}; }
TomlValue write(const std::optional<unsigned>& field) { return field ? write(*field) : TomlValue{std::string()}; }
TomlValue write(Duration field) { return {duration_text(field)}; }
TomlValue write(const Cidr& field) { return {to_string(field)}; }
TomlValue write(const Version& field) { return {field.text()}; }

TomlValue write(const std::vector<std::string>& field) {
    TomlArray array;
    for (const auto& text : field) array.push_back({text});
    return {array};
}

TomlValue write(const std::vector<Taint>& field) {
    TomlArray array;
    for (const auto& taint : field)
        array.push_back(
            {fmt::format("{}{}{}:{}", taint.key, taint.value.empty() ? "" : "=", taint.value, taint.effect)});
    return {array};
}

TomlValue write(const std::map<std::string, std::string>& field) {
    TomlTable table;
    for (const auto& [key, text] : field) table.set(key, {text});
    return {table};
}

TomlValue write(const std::map<std::string, std::vector<std::string>>& field) {
    TomlTable table;
    for (const auto& [key, list] : field) table.set(key, write(list));
    return {table};
}

}  // namespace nodeboot::config_values
