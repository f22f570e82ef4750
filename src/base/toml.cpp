#include "base/toml.hpp"

#include <fmt/core.h>

#include <algorithm>

#define TOML_EXCEPTIONS 1  // without them the parser goes on after an error
// It asserts what bad input breaks, and then checks for it: in a debug build a typing mistake would be an abort.
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace nodeboot {
namespace {

TomlPosition position_of(const toml::source_region& region) {
    return {static_cast<unsigned>(region.begin.line), static_cast<unsigned>(region.begin.column)};
}

template <class T>
std::string printed(const T& value) {
    std::ostringstream stream;
    stream << value;
    return stream.str();
}

TomlValue convert(const toml::node& node);

/// The first byte beyond ASCII that is neither in a string nor in a comment. TOML allows none; toml++ 3.3 runs into
/// __builtin_unreachable() on some (is_non_ascii_horizontal_whitespace), so it must not see them.
class StrayCharacter {
   public:
    static const char* find(std::string_view text) { return StrayCharacter(text).find(); }

   private:
    explicit StrayCharacter(std::string_view text) : rest_(text) {
        if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // byte order mark
    }

    const char* find() {
        while (!rest_.empty()) {
            const char c = rest_.front();
            if (static_cast<unsigned char>(c) >= 0x80) return rest_.data();
            if (c == '#')
                skip(rest_.find('\n'));
            else if (c == '"' || c == '\'')
                skip_string(c);
            else
                skip(1);
        }
        return nullptr;
    }

    void skip(std::size_t count) { rest_.remove_prefix(std::min(count, rest_.size())); }

    /// Broken strings end somewhere wrong here; the library refuses them before it comes to what follows.
    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool multi_line = rest_.starts_with(three);
        const std::string_view end = multi_line ? std::string_view(three) : std::string_view(three).substr(2);
        skip(end.size());
        while (!rest_.empty() && !rest_.starts_with(end)) {
            if (!multi_line && rest_.front() == '\n') return;
            skip(quote == '"' && rest_.front() == '\\' ? 2 : 1);
        }
        skip(end.size());
        while (multi_line && rest_.starts_with(quote)) skip(1);  // two quotes may stand before the closing three
    }

    std::string_view rest_;
};

TomlSyntaxError stray_error(std::string_view text, const char* at) {
    const auto before = text.substr(0, static_cast<std::size_t>(at - text.data()));
    const auto line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    TomlPosition position{static_cast<unsigned>(std::count(before.begin(), before.end(), '\n')) + 1, 1};
    for (const char c : before.substr(line_begin)) position.column += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    return {position,
            "a character beyond ASCII outside quotes; texts, and keys with such characters, must be in quotes"};
}

/// "Error while parsing table header: expected ']', saw x" reads better as "expected ']', saw x (in a table header)".
std::string reworded(std::string_view description) {
    constexpr std::string_view prefix = "Error while parsing ";
    const auto colon = description.find(": ");
    if (!description.starts_with(prefix) || colon == std::string_view::npos) return std::string(description);
    const auto where = description.substr(prefix.size(), colon - prefix.size());
    std::string out = fmt::format("{} (in a {})", description.substr(colon + 2), where);
    for (const std::string_view scalar : {"floating-point", "integer", "boolean", "value", "date", "time", "date-time"})
        if (where == scalar) out += "; text must be in quotes";
    return out;
}

TomlTable convert_table(const toml::table& table) {
    TomlTable out;
    for (const auto& [key, node] : table)
        out.entries.push_back({std::string(key.str()), position_of(key.source()), convert(node)});
    // The library sorts by name; a person expects the order of the file.
    std::stable_sort(out.entries.begin(), out.entries.end(),
                     [](const TomlEntry& a, const TomlEntry& b) { return a.position < b.position; });
    return out;
}

TomlValue convert(const toml::node& node) {
    TomlValue out;
    out.position = position_of(node.source());
    if (const auto* table = node.as_table()) {
        out.data = convert_table(*table);
    } else if (const auto* array = node.as_array()) {
        TomlArray values;
        for (const auto& element : *array) values.push_back(convert(element));
        out.data = std::move(values);
    } else if (const auto* text = node.as_string()) {
        out.data = text->get();
    } else if (const auto* number = node.as_integer()) {
        out.data = number->get();
    } else if (const auto* real = node.as_floating_point()) {
        out.data = real->get();
    } else if (const auto* flag = node.as_boolean()) {
        out.data = flag->get();
    } else if (const auto* date = node.as_date()) {
        out.data = TomlDate{printed(date->get())};
    } else if (const auto* time = node.as_time()) {
        out.data = TomlDate{printed(time->get())};
    } else if (const auto* both = node.as_date_time()) {
        out.data = TomlDate{printed(both->get())};
    }
    return out;
}

bool is_bare(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

struct Hidden {
    std::size_t bytes = 0;  ///< 0: none
    unsigned code = 0;
};

/// Beyond ASCII, what nobody sees or takes for a line's end: C1 controls, line and paragraph separators, byte order
/// marks and their mirror images. TOML lets them stand in a string; YAML around it would not (YAML 1.1, 5.1 and 5.4).
Hidden hidden_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    if (byte(0) == 0xc2 && byte(1) >= 0x80 && byte(1) < 0xa0) return {2, byte(1)};
    for (const unsigned code : {0x2028U, 0x2029U, 0xfeffU, 0xfffeU, 0xffffU})
        if (byte(0) == (0xe0U | code >> 12) && byte(1) == (0x80U | (code >> 6 & 0x3f)) &&
            byte(2) == (0x80U | (code & 0x3f)))
            return {3, code};
    return {};
}

std::string real_text(double value) {
    const std::string text = fmt::format("{}", value);
    return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;  // 1 would come back as an integer
}

bool is_array_of_tables(const TomlValue& value) {
    const auto* array = value.get<TomlArray>();
    return array != nullptr && !array->empty() &&
           std::all_of(array->begin(), array->end(), [](const TomlValue& v) { return v.get<TomlTable>() != nullptr; });
}

void write_table(std::string& out, const TomlTable& table, const std::string& path) {
    for (const auto& entry : table.entries)
        if (entry.value.get<TomlTable>() == nullptr && !is_array_of_tables(entry.value))
            out += fmt::format("{} = {}\n", toml_key(entry.key), to_toml(entry.value));
    for (const auto& entry : table.entries) {
        const std::string name = path.empty() ? toml_key(entry.key) : path + "." + toml_key(entry.key);
        if (const auto* child = entry.value.get<TomlTable>()) {
            // A header only where something stands under it: parents of parents need none.
            const bool only_tables = !child->entries.empty() &&
                                     std::all_of(child->entries.begin(), child->entries.end(), [](const TomlEntry& e) {
                                         return e.value.get<TomlTable>() != nullptr;
                                     });
            if (!only_tables) out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", name);
            write_table(out, *child, name);
        } else if (is_array_of_tables(entry.value)) {
            for (const auto& element : *entry.value.get<TomlArray>()) {
                out += fmt::format("{}[[{}]]\n", out.empty() ? "" : "\n", name);
                write_table(out, *element.get<TomlTable>(), name);
            }
        }
    }
}

}  // namespace

const TomlValue* TomlTable::find(std::string_view key) const {
    for (const auto& entry : entries)
        if (entry.key == key) return &entry.value;
    return nullptr;
}

void TomlTable::set(std::string key, TomlValue value) {
    for (auto& entry : entries)
        if (entry.key == key) {
            entry.value = std::move(value);
            return;
        }
    const TomlPosition position = value.position;
    entries.push_back({std::move(key), position, std::move(value)});
}

std::string_view TomlValue::type_name() const {
    static constexpr std::string_view names[] = {"true or false", "a whole number", "a number", "a string",
                                                 "a date",        "a list",         "a table"};
    return names[data.index()];
}

tl::expected<TomlTable, TomlSyntaxError> parse_toml(std::string_view text) {
    if (const char* stray = StrayCharacter::find(text)) return tl::unexpected(stray_error(text, stray));
    try {
        return convert_table(toml::parse(text));
    } catch (const toml::parse_error& error) {
        return tl::unexpected(TomlSyntaxError{position_of(error.source()), reworded(error.description())});
    }
}

std::string toml_key(std::string_view key) { return is_bare(key) ? std::string(key) : toml_string(key); }

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (const auto hidden = hidden_character(text.substr(i)); hidden.bytes != 0) {
            out += fmt::format("\\u{:04x}", hidden.code);
            i += hidden.bytes - 1;
        } else if (c == '"' || c == '\\') {
            out += {'\\', c};
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string to_toml(const TomlValue& value) {
    struct Writer {
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(double number) const { return real_text(number); }
        std::string operator()(const std::string& text) const { return toml_string(text); }
        std::string operator()(const TomlDate& date) const { return date.text; }
        std::string operator()(const TomlArray& array) const {
            std::string out = "[";
            for (const auto& element : array) out += (out.size() > 1 ? ", " : "") + to_toml(element);
            return out + "]";
        }
        std::string operator()(const TomlTable& table) const {
            if (table.entries.empty()) return "{}";
            std::string out = "{";
            for (const auto& entry : table.entries)
                out += fmt::format("{} {} = {}", out.size() > 1 ? "," : "", toml_key(entry.key), to_toml(entry.value));
            return out + " }";
        }
    };
    return std::visit(Writer{}, value.data);
}

std::string to_toml(const TomlTable& table) {
    std::string out;
    write_table(out, table, "");
    return out;
}

void merge_toml(TomlTable& base, const TomlTable& over) {
    for (const auto& entry : over.entries) {
        const auto it = std::find_if(base.entries.begin(), base.entries.end(),
                                     [&](const TomlEntry& e) { return e.key == entry.key; });
        if (it == base.entries.end()) {
            base.entries.push_back(entry);
        } else if (auto* mine = std::get_if<TomlTable>(&it->value.data); mine && entry.value.get<TomlTable>()) {
            merge_toml(*mine, *entry.value.get<TomlTable>());
        } else {
            it->value = entry.value;
        }
    }
}

}  // namespace nodeboot
