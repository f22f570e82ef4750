#include "launch/in_the_way.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "base/lines.hpp"

namespace nodeboot {
namespace {

/// What goes by itself (an instance's interface) is gone by then.
constexpr auto first_look_after = std::chrono::seconds(5);
constexpr auto looked_at_every = std::chrono::seconds(15);
constexpr std::size_t named_at_most = 5;

struct Place {
    Kind kind;
    std::string_view filter;
};

std::vector<Place> places_of(Kind kind) {
    switch (kind) {
        case Kind::vpc:
            return {{Kind::instance, "vpc-id"},
                    {Kind::nat_gateway, "vpc-id"},
                    {Kind::subnet, "vpc-id"},
                    {Kind::network_interface, "vpc-id"},
                    {Kind::security_group, "vpc-id"},
                    {Kind::route_table, "vpc-id"},
                    {Kind::internet_gateway, "attachment.vpc-id"}};
        case Kind::subnet: return {{Kind::nat_gateway, "subnet-id"}, {Kind::network_interface, "subnet-id"}};
        case Kind::security_group:
            return {{Kind::network_interface, "group-id"},
                    {Kind::security_group, "ip-permission.group-id"},
                    {Kind::security_group, "egress.ip-permission.group-id"}};
        case Kind::internet_gateway: return {{Kind::network_interface, "vpc-id"}};
        default: return {};
    }
}

/// AWS makes these with the VPC and deletes them with it.
bool comes_with_vpc(const Resource& resource) {
    if (resource.kind == Kind::security_group) return resource.text("groupName") == "default";
    if (resource.kind == Kind::route_table)
        for (const Xml* main : resource.item.all("associationSet/item/main"))
            if (main->text == "true") return true;
    return false;
}

bool holds(const Resource& candidate, const Resource& resource, const std::string& cluster) {
    if (candidate.id == resource.id || candidate.gone() || comes_with_vpc(candidate) ||
        candidate.tag("nodeboot.io/cluster") == cluster)
        return false;
    return resource.kind != Kind::internet_gateway || !candidate.text("association/publicIp").empty();
}

}  // namespace

std::string told_apart(const Resource& resource) {
    std::vector<std::string> words;
    for (const auto& text : {resource.tag("Name"), resource.text("groupName"), resource.text("description")})
        if (!text.empty()) words.push_back(text);
    if (resource.tags.empty()) words.emplace_back("no tags");
    return fmt::format("{} {}{}{}{}", info_of(resource.kind).word, resource.id, words.empty() ? "" : " (",
                       join(words, ", "), words.empty() ? "" : ")");
}

std::string tag_by_hand(const std::string& cluster, const Ref& ref, const std::string& id) {
    return fmt::format(
        "if it is this cluster's, give it its tags back: aws ec2 create-tags --resources {} --tags "
        "Key=nodeboot.io/cluster,Value={} Key=nodeboot.io/name,Value={}; else delete it",
        id, cluster, ref.name);
}

Result<std::vector<std::string>> in_the_way(const CloudView& view, const Resource& resource) {
    const std::string topic = "in the way of " + resource.id;
    const std::string id =
        resource.kind == Kind::internet_gateway ? resource.text("attachmentSet/item/vpcId") : resource.id;
    view.forget(topic);
    std::vector<std::string> out;
    for (const auto& [kind, filter] : places_of(resource.kind)) {
        const auto& info = info_of(kind);
        const auto answer =
            NB_TRY(view.ask({.action = std::string(info.describe),
                             .parameters = {{"Filter.1.Name", std::string(filter)}, {"Filter.1.Value.1", id}},
                             .items = std::string(info.items),
                             .topic = topic}));
        for (const Xml& item : *answer) {
            const Resource candidate = parse_resource(kind, item);
            if (!holds(candidate, resource, view.scope().cluster)) continue;
            auto text = told_apart(candidate);  // one that names it in both directions is in both answers
            if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
        }
    }
    if (out.size() > named_at_most) {
        const auto more = out.size() - named_at_most;
        out.resize(named_at_most);
        out.push_back(fmt::format("and {} more", more));
    }
    return out;
}

CloudProcedure telling_deletion(const Resource& resource, ApiCall call) {
    std::string name = describe(call);
    return {
        std::move(name), {}, [resource, call = std::move(call)](CloudContext& context) -> Result<void> {
            auto& step = context.step;
            std::string told;
            auto next = step.clock.steady() + first_look_after;
            auto done = context.cloud.perform(call, step, [&]() -> Result<void> {
                if (step.clock.steady() < next) return {};
                next = step.clock.steady() + looked_at_every;
                const auto found = in_the_way(context.cloud, resource);
                if (!found) return {};  // the deletion itself tells what is wrong
                const auto text = join(*found, "; ");
                if (!text.empty() && text != told) step.progress(fmt::format("{} waits for: {}", resource.id, text));
                told = text;
                return {};
            });
            if (done || told.empty() || done.error().kind == ErrorKind::cancelled) return done;
            Error error = std::move(done).error();
            error.message += "; in the way: " + told;
            error.hint =
                "what is in the way does not bear this cluster's tag: delete it, or have its owner do that; then run "
                "`nodeboot cluster down` again";
            return fail(std::move(error));
        }};
}

}  // namespace nodeboot
