#include "base/yaml.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/yaml_scalar.hpp"

// libyaml's constants are enumerators of C enums used as ints and back.
#include <yaml.h>

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

constexpr int max_depth = 100;  // deeper than any Kubernetes file; keeps hostile text off the stack

/// An event, released when it goes.
struct Event {
    yaml_event_t raw{};
    Event() = default;
    Event(Event&& other) noexcept : raw(other.raw) { other.raw = {}; }
    Event& operator=(Event&&) = delete;
    ~Event() { yaml_event_delete(&raw); }
};

tl::unexpected<Error> broken(const yaml_mark_t& mark, std::string_view why) {
    return fail(ErrorKind::corrupted, fmt::format("YAML line {}, column {}: {}", mark.line + 1, mark.column + 1, why));
}

std::string_view text_of(const yaml_char_t* bytes, std::size_t length) {
    return {reinterpret_cast<const char*>(bytes), length};
}

class Reader {
   public:
    explicit Reader(std::string_view text) {
        yaml_parser_initialize(&parser_);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { yaml_parser_delete(&parser_); }

    Result<std::vector<Json>> documents() {
        std::vector<Json> all;
        for (;;) {
            const Event event = NB_TRY(next());
            if (event.raw.type == YAML_STREAM_END_EVENT) return all;
            if (event.raw.type != YAML_DOCUMENT_START_EVENT) continue;
            const Event root = NB_TRY(next());
            all.push_back(NB_TRY(value(root, 0)));
        }
    }

   private:
    Result<Event> next() {
        Event event;
        if (yaml_parser_parse(&parser_, &event.raw) == 0)
            return broken(parser_.problem_mark, parser_.problem != nullptr ? parser_.problem : "cannot be parsed");
        return event;
    }

    Result<Json> value(const Event& event, int depth) {
        const auto& raw = event.raw;
        if (depth > max_depth) return broken(raw.start_mark, "nested too deeply");
        switch (raw.type) {
            case YAML_SCALAR_EVENT: return scalar(raw);
            case YAML_SEQUENCE_START_EVENT: {
                const auto& start = raw.data.sequence_start;
                NB_CHECK(plain_node(raw, start.anchor, start.tag));
                return sequence(depth);
            }
            case YAML_MAPPING_START_EVENT: {
                const auto& start = raw.data.mapping_start;
                NB_CHECK(plain_node(raw, start.anchor, start.tag));
                return mapping(depth);
            }
            case YAML_ALIAS_EVENT: return broken(raw.start_mark, "aliases (*name) are not accepted");
            default: return broken(raw.start_mark, "a value was expected");
        }
    }

    static Result<void> plain_node(const yaml_event_t& raw, const yaml_char_t* anchor, const yaml_char_t* tag) {
        if (anchor != nullptr) return broken(raw.start_mark, "anchors (&name) are not accepted");
        if (tag != nullptr) return broken(raw.start_mark, "tags (!name) are not accepted");
        return {};
    }

    static Result<Json> scalar(const yaml_event_t& raw) {
        const auto& data = raw.data.scalar;
        NB_CHECK(plain_node(raw, data.anchor, data.tag));
        const auto text = text_of(data.value, data.length);
        if (data.style != YAML_PLAIN_SCALAR_STYLE) return Json(text);
        auto resolved = resolve_plain_scalar(text);
        if (!resolved) return broken(raw.start_mark, fmt::format("'{}' has no JSON value", text));
        return *std::move(resolved);
    }

    Result<Json> sequence(int depth) {
        Json all = Json::array();
        for (;;) {
            const Event event = NB_TRY(next());
            if (event.raw.type == YAML_SEQUENCE_END_EVENT) return all;
            all.push_back(NB_TRY(value(event, depth + 1)));
        }
    }

    Result<Json> mapping(int depth) {
        Json all = Json::object();
        for (;;) {
            const Event key = NB_TRY(next());
            if (key.raw.type == YAML_MAPPING_END_EVENT) return all;
            if (key.raw.type != YAML_SCALAR_EVENT) return broken(key.raw.start_mark, "a key must be a plain word");
            const auto& data = key.raw.data.scalar;
            NB_CHECK(plain_node(key.raw, data.anchor, data.tag));
            const std::string name(text_of(data.value, data.length));
            if (all.contains(name)) return broken(key.raw.start_mark, fmt::format("key '{}' is there twice", name));
            const Event child = NB_TRY(next());
            all[name] = NB_TRY(value(child, depth + 1));
        }
    }

    yaml_parser_t parser_{};
};

void emit(const Json& value, std::size_t indent, std::string& out);

bool empty_container(const Json& value) { return value.is_structured() && value.empty(); }

/// After "key:" or in front of a document: what does not fit on that line starts the next one.
void emit_member(const Json& value, std::size_t indent, std::string& out) {
    if (!value.is_structured() || value.empty()) {
        out += ' ';
        emit(value, indent + 2, out);
        return;
    }
    out += '\n';
    emit(value, value.is_array() ? indent : indent + 2, out);  // "key:\n- item", as Kubernetes' own files have it
}

void emit(const Json& value, std::size_t indent, std::string& out) {
    if (value.is_string()) {
        out += yaml_string(value.get_ref<const std::string&>(), indent) + "\n";
    } else if (empty_container(value)) {
        out += value.is_array() ? "[]\n" : "{}\n";
    } else if (value.is_object()) {
        bool first = true;
        for (const auto& [key, child] : value.items()) {
            if (!first || out.empty() || out.back() == '\n') out.append(indent, ' ');
            first = false;
            out += yaml_key(key) + ":";
            emit_member(child, indent, out);
        }
    } else if (value.is_array()) {
        bool first = true;
        for (const auto& child : value) {
            if (!first || out.empty() || out.back() == '\n') out.append(indent, ' ');
            first = false;
            out += "- ";
            emit(child, indent + 2, out);
        }
    } else {
        out += value.dump() + "\n";
    }
}

}  // namespace

Result<std::vector<nlohmann::ordered_json>> parse_yaml(std::string_view text) { return Reader(text).documents(); }

nlohmann::ordered_json* yaml_at(nlohmann::ordered_json& value, std::initializer_list<std::string_view> path) {
    nlohmann::ordered_json* at = &value;
    for (const auto key : path) {
        if (!at->is_object()) return nullptr;
        const auto found = at->find(key);
        if (found == at->end()) return nullptr;
        at = &*found;
    }
    return at;
}

std::string to_yaml(const nlohmann::ordered_json& value) {
    std::string out;
    emit(value, 0, out);
    return out;
}

}  // namespace nodeboot
