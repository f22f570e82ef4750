#include "base/json.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace nodeboot {

Result<nlohmann::json> parse_json(std::string_view text, std::string_view what) {
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& e) {
        return fail(ErrorKind::corrupted,
                    fmt::format("{} is not JSON: it breaks off or goes wrong at byte {}", what, e.byte));
    } catch (const nlohmann::json::exception&) {  // a number that no machine can hold
        return fail(ErrorKind::corrupted, fmt::format("{} is not usable JSON: a number in it is too large", what));
    }
}

const nlohmann::json* json_at(const nlohmann::json& value, std::initializer_list<std::string_view> path) {
    const nlohmann::json* at = &value;
    for (const auto key : path) {
        if (!at->is_object()) return nullptr;
        const auto found = at->find(key);
        if (found == at->end()) return nullptr;
        at = &*found;
    }
    return at;
}

std::optional<std::string> json_string(const nlohmann::json& value, std::initializer_list<std::string_view> path) {
    const auto* found = json_at(value, path);
    if (found == nullptr || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
}

const nlohmann::json& json_list(const nlohmann::json& value, std::initializer_list<std::string_view> path) {
    static const nlohmann::json none = nlohmann::json::array();
    const auto* found = json_at(value, path);
    return found != nullptr && found->is_array() ? *found : none;
}

}  // namespace nodeboot
