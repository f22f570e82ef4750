#include "launch/tags.hpp"

#include <fmt/core.h>

namespace nodeboot {

Tags tags_of(const Config& config, const std::string& name, const std::string& role) {
    Tags tags = config.instances.tags;
    tags["nodeboot.io/cluster"] = config.cluster.name;
    tags["nodeboot.io/name"] = name;
    tags["nodeboot.io/role"] = role;
    tags["Name"] = fmt::format("{}-{}", config.cluster.name, name);
    return tags;
}

void add_tag_specification(Parameters& parameters, unsigned number, Kind kind, const Tags& tags) {
    const std::string prefix = fmt::format("TagSpecification.{}.", number);
    parameters.emplace_back(prefix + "ResourceType", std::string(info_of(kind).type));
    unsigned n = 0;
    for (const auto& [key, value] : tags) {
        parameters.emplace_back(fmt::format("{}Tag.{}.Key", prefix, ++n), key);
        parameters.emplace_back(fmt::format("{}Tag.{}.Value", prefix, n), value);
    }
}

ApiCall creation(const Ref& ref, std::string action, Parameters parameters, const Tags& tags) {
    add_tag_specification(parameters, 1, ref.kind, tags);
    return {.action = std::move(action), .parameters = std::move(parameters), .makes = ref};
}

void want_tags(CloudChanges& changes, const Resource& resource, const std::string& subject, const Tags& tags) {
    std::string from, to;
    Parameters parameters{{"ResourceId.1", resource.id}};
    unsigned n = 0;
    for (const auto& [key, value] : tags) {
        const auto it = resource.tags.find(key);
        if (it != resource.tags.end() && it->second == value) continue;
        const char* separator = n == 0 ? "" : ", ";
        from += fmt::format("{}{}", separator, it == resource.tags.end() ? "absent" : it->second);
        to += fmt::format("{}{}={}", separator, key, value);
        parameters.emplace_back(fmt::format("Tag.{}.Key", ++n), key);
        parameters.emplace_back(fmt::format("Tag.{}.Value", n), value);
    }
    if (n == 0) return;
    changes.push_back(
        {subject + " tags", from, to,
         ApiCall{.action = "CreateTags", .parameters = std::move(parameters), .topics = {topic_of(resource.kind)}}});
}

}  // namespace nodeboot
