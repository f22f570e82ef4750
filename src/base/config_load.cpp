#include "base/config_load.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/config_rules.hpp"
#include "base/config_schema.hpp"
#include "base/config_suggest.hpp"
#include "base/config_values.hpp"

namespace nodeboot {
namespace {

std::string join_key(std::string_view above, std::string_view below) {
    if (above.empty() || below.empty()) return fmt::format("{}{}", above, below);
    return fmt::format("{}{}{}", above, below.starts_with('[') ? "" : ".", below);
}

class Loader {
   public:
    void layer(const ConfigLayer& layer) {
        source_ = layer.source;
        sources_.push_back(source_);
        const auto parsed = parse_toml(layer.text);
        if (!parsed) {
            mistake(parsed.error().position, "", "not TOML: " + parsed.error().message);
            return;
        }
        for (const auto& entry : parsed->entries) section(entry);
    }

    void set_argument(const std::string& argument) {
        source_ = "--set";
        const auto equals = argument.find('=');
        const std::string key = argument.substr(0, equals);
        if (equals == std::string::npos || equals == 0) {
            mistake({}, "", fmt::format("'{}' is not key=value, like network.vxlan_port=8472", argument));
            return;
        }
        const std::string text = argument.substr(equals + 1);
        for (const auto& setting : config_settings()) {
            if (setting.key == key) {
                apply(setting, value_of(setting, text, setting.shape == Setting::Shape::list));
                return;
            }
            // Below a table everything is the user's own key, dots and all.
            if (setting.is_table() && key.starts_with(std::string(setting.key) + ".")) {
                TomlTable table;
                table.set(key.substr(setting.key.size() + 1),
                          value_of(setting, text, setting.shape == Setting::Shape::table_of_lists));
                apply(setting, {table});
                return;
            }
        }
        mistake({}, key, unknown_key_message(key));
    }

    LoadedConfig finish() && {
        check_config_rules(loaded_, bad_);
        sort(loaded_.mistakes);
        sort(loaded_.warnings);
        return std::move(loaded_);
    }

   private:
    /// In the order in which a person meets them: layer by layer, line by line.
    void sort(std::vector<ConfigMistake>& mistakes) const {
        const auto place = [&](const ConfigMistake& m) {
            return std::pair(std::find(sources_.begin(), sources_.end(), m.origin.source), m.origin.position);
        };
        std::stable_sort(mistakes.begin(), mistakes.end(),
                         [&](const ConfigMistake& a, const ConfigMistake& b) { return place(a) < place(b); });
    }

    void section(const TomlEntry& entry) {
        const auto sections = config_sections();
        const bool known =
            std::any_of(sections.begin(), sections.end(), [&](const Section& s) { return s.name == entry.key; });
        const auto* table = entry.value.get<TomlTable>();
        if (!known) {
            mistake(entry.position, entry.key, unknown_section_message(entry.key, table != nullptr));
        } else if (table == nullptr) {
            mistake(entry.position, entry.key,
                    fmt::format("is a section: write [{}] and its keys below it", entry.key));
        } else {
            for (const auto& child : table->entries) key(entry.key, child);
        }
    }

    void key(const std::string& section, const TomlEntry& entry) {
        const std::string full = section + "." + entry.key;
        if (const auto* setting = find_setting(full))
            apply(*setting, entry.value);
        else
            mistake(entry.position, full, unknown_key_message(full));
    }

    void apply(const Setting& setting, const TomlValue& value) {
        const auto problems = setting.set(setting, loaded_.config, value);
        for (const auto& problem : problems) {
            mistake(problem.position, join_key(setting.key, problem.below), problem.message);
            bad_.insert(std::string(setting.key));
        }
        if (!problems.empty()) return;
        const auto* table = value.get<TomlTable>();
        if (setting.is_table() && table != nullptr)
            for (const auto& entry : config_values::flatten(*table))
                loaded_.origins[join_key(setting.key, entry.key)] = {source_, entry.value.position};
        else
            loaded_.origins[std::string(setting.key)] = {source_, value.position};
    }

    /// On the command line, quotes belong to the shell: a bare word is a string wherever a string is wanted, and words
    /// with commas between them are a list wherever a list is.
    static TomlValue value_of(const Setting& setting, const std::string& text, bool wants_list) {
        const auto parsed = parse_toml("value = " + text);
        const auto* value = parsed ? parsed->find("value") : nullptr;
        const bool quoted = value && (value->get<TomlArray>() || value->get<TomlTable>() || value->get<std::string>());
        const bool wants_text = setting.get(Config{}).get<std::string>() != nullptr && setting.limits.most == 0;
        TomlValue out = value && (quoted || !wants_text) ? *value : TomlValue{text};
        if (wants_list && !quoted) out = words_of(text);
        out.position = {};
        return out;
    }

    static TomlValue words_of(const std::string& text) {
        TomlArray words;
        for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
            const auto comma = std::min(text.find(',', begin), text.size());
            words.push_back({text.substr(begin, comma - begin)});
            begin = comma + 1;
        }
        return {words};
    }

    void mistake(TomlPosition position, std::string key, std::string message) {
        loaded_.mistakes.push_back({{source_, position}, std::move(key), std::move(message)});
    }

    LoadedConfig loaded_;
    std::set<std::string> bad_;
    std::string source_;
    std::vector<std::string> sources_;
};

}  // namespace

std::string Origin::text() const {
    if (source.empty()) return "default";
    return position.line == 0 ? source : fmt::format("{}:{}:{}", source, position.line, position.column);
}

std::string ConfigMistake::text() const {
    return fmt::format("{}: {}{}{}", origin.text(), key, key.empty() ? "" : ": ", message);
}

Error LoadedConfig::error() const {
    std::string lines = mistakes.size() == 1 ? "the configuration has a mistake"
                                             : fmt::format("the configuration has {} mistakes", mistakes.size());
    for (const auto& mistake : mistakes) lines += "\n  " + mistake.text();
    return {
        ErrorKind::invalid_input, lines, "nothing was changed; `nodeboot config reference` describes every key", {}};
}

Origin LoadedConfig::origin_of(const std::string& key) const {
    const auto it = origins.find(key);
    return it == origins.end() ? Origin{} : it->second;
}

LoadedConfig load_config(const std::vector<ConfigLayer>& layers, const std::vector<std::string>& settings) {
    Loader loader;
    for (const auto& layer : layers) loader.layer(layer);
    for (const auto& setting : settings) loader.set_argument(setting);
    return std::move(loader).finish();
}

}  // namespace nodeboot
