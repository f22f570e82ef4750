#include <algorithm>
#include <set>

#include "launch/in_the_way.hpp"
#include "launch/parts.hpp"

namespace nodeboot {
namespace {

/// One permission of a security group: a protocol, its ports, and who.
struct Rule {
    std::string protocol;  ///< "tcp", "udp", "-1": all
    std::string first, last;
    std::string who;    ///< an IPv4 range, or the id of a group, or what else AWS lists (IPv6 range, prefix list)
    std::string label;  ///< for people: "control-plane" for a group's id
    std::string kind;   ///< of `who`, as the request names it: "IpRanges", "Groups", "Ipv6Ranges", "PrefixListIds"
    auto key() const { return std::tie(protocol, first, last, who); }
    bool operator<(const Rule& other) const { return key() < other.key(); }
};

std::string text(const Rule& rule) {
    if (rule.protocol == "-1") return fmt::format("everything {}", rule.label);
    const auto ports = rule.first == rule.last ? rule.first : rule.first + "-" + rule.last;
    return fmt::format("{} {} {}", rule.protocol, ports, rule.label);
}

/// "tcp 10250 from control-plane, worker; udp 4789 from worker": neighbours with the same ports together.
std::string text(std::vector<Rule> rules) {
    const auto key = [](const Rule& rule) { return std::tie(rule.protocol, rule.first, rule.last, rule.label); };
    std::sort(rules.begin(), rules.end(), [&](const Rule& a, const Rule& b) { return key(a) < key(b); });
    std::string out;
    const Rule* before = nullptr;
    for (const auto& rule : rules) {
        const bool same = before != nullptr && std::tie(rule.protocol, rule.first, rule.last) ==
                                                   std::tie(before->protocol, before->first, before->last);
        constexpr std::string_view from = "from ";
        if (same && rule.label.starts_with(from) && before->label.starts_with(from))
            out += ", " + rule.label.substr(from.size());
        else
            out += (out.empty() ? "" : "; ") + text(rule);
        before = &rule;
    }
    return out;
}

struct Source {
    std::string parameter, path, element;
};
// IpPermission: which list each kind of source is in, in requests and in answers.
const Source sources[] = {{"IpRanges.1.CidrIp", "ipRanges/item", "cidrIp"},
                          {"Groups.1.GroupId", "groups/item", "groupId"},
                          {"Ipv6Ranges.1.CidrIpv6", "ipv6Ranges/item", "cidrIpv6"},
                          {"PrefixListIds.1.PrefixListId", "prefixListIds/item", "prefixListId"}};

std::set<Rule> rules_in(const Xml& group, const std::string& path, const std::map<std::string, std::string>& labels) {
    std::set<Rule> out;
    for (const Xml* permission : group.all(path))
        for (const auto& source : sources)
            for (const Xml* item : permission->all(source.path)) {
                const std::string who = item->text_at(source.element);
                const auto label = labels.find(who);
                out.insert({permission->text_at("ipProtocol"), permission->text_at("fromPort"),
                            permission->text_at("toPort"), who, label == labels.end() ? who : label->second,
                            source.parameter});
            }
    return out;
}

class Wanted {
   public:
    Wanted(const CloudView& view, const Config& config) : view_(view), config_(config) {}

    /// The reference architecture's rules as read in docs/aws.md.
    Result<std::set<Rule>> inbound(bool control_plane) {
        for (const auto& range : config_.access.ssh_from) from_range("tcp", 22, 22, range);
        const auto& network = config_.network;
        if (control_plane) {
            for (const auto& range : config_.access.admin_cidr)
                from_range("tcp", network.api_port, network.api_port, range);
            NB_CHECK(from_nodes("tcp", network.api_port, network.api_port));
            NB_CHECK(from_group("tcp", 2379, 2380, parts::control_plane_group));
            if (config_.access.etcd_from_workers) NB_CHECK(from_group("tcp", 2379, 2380, parts::worker_group));
        }
        NB_CHECK(from_nodes("tcp", 10250, 10250));
        NB_CHECK(from_nodes("tcp", network.node_port_first, network.node_port_last));
        NB_CHECK(from_nodes("udp", network.vxlan_port, network.vxlan_port));
        return std::move(rules_);
    }

   private:
    void from_range(const std::string& protocol, unsigned first, unsigned last, const std::string& range) {
        rules_.insert(
            {protocol, std::to_string(first), std::to_string(last), range, "from " + range, sources[0].parameter});
    }
    Result<void> from_group(const std::string& protocol, unsigned first, unsigned last, const Ref& group) {
        const auto found = NB_TRY(view_.known(group));
        rules_.insert({protocol, std::to_string(first), std::to_string(last),
                       found ? found->id : fmt::format("({})", to_string(group)), "from " + group.name,
                       sources[1].parameter});
        return {};
    }
    Result<void> from_nodes(const std::string& protocol, unsigned first, unsigned last) {
        NB_CHECK(from_group(protocol, first, last, parts::control_plane_group));
        return from_group(protocol, first, last, parts::worker_group);
    }

    const CloudView& view_;
    const Config& config_;
    std::set<Rule> rules_;
};

void want_rules(CloudChanges& changes, const Ref& group, const std::set<Rule>& is, const std::set<Rule>& wanted,
                const std::string& direction) {
    const auto change = [&](const std::set<Rule>& here, const std::set<Rule>& there, bool add) {
        std::vector<Rule> listed;
        unsigned n = 0;
        Parameters parameters{{"GroupId", group}};
        for (const auto& rule : here) {
            if (there.contains(rule)) continue;
            listed.push_back(rule);
            const std::string prefix = fmt::format("IpPermissions.{}.", ++n);
            parameters.emplace_back(prefix + "IpProtocol", rule.protocol);
            if (!rule.first.empty()) parameters.emplace_back(prefix + "FromPort", rule.first);
            if (!rule.last.empty()) parameters.emplace_back(prefix + "ToPort", rule.last);
            Value who = rule.who;
            if (rule.who == fmt::format("({})", to_string(parts::control_plane_group)))
                who = parts::control_plane_group;
            if (rule.who == fmt::format("({})", to_string(parts::worker_group))) who = parts::worker_group;
            parameters.emplace_back(prefix + rule.kind, std::move(who));
        }
        if (n == 0) return;
        const std::string list = text(listed);
        changes.push_back({fmt::format("{} {}", to_string(group), direction == "Ingress" ? "inbound" : "outbound"),
                           add ? "absent" : list, add ? list : "removed",
                           ApiCall{.action = fmt::format("{}SecurityGroup{}", add ? "Authorize" : "Revoke", direction),
                                   .parameters = std::move(parameters),
                                   .topics = {topic_of(Kind::security_group)}}});
    };
    change(is, wanted, false);  // first: a group has room for 60 rules
    change(wanted, is, true);
}

std::string group_name(const std::string& cluster, const Ref& ref) {
    return fmt::format("nodeboot-{}-{}", cluster, ref.name);
}

/// One that lost all of its tags is nobody's to take, and a second one of the name cannot be made.
Result<void> name_is_free(const CloudView& view, const Ref& ref) {
    const auto vpc = NB_TRY(view.known(parts::vpc));
    if (!vpc || view.made_here(vpc->id)) return {};
    const std::string& cluster = view.scope().cluster;
    const auto answer = NB_TRY(view.ask({.action = "DescribeSecurityGroups",
                                         .parameters = {{"Filter.1.Name", "vpc-id"},
                                                        {"Filter.1.Value.1", vpc->id},
                                                        {"Filter.2.Name", "group-name"},
                                                        {"Filter.2.Value.1", group_name(cluster, ref)}},
                                         .items = "securityGroupInfo/item",
                                         .topic = topic_of(Kind::security_group)}));
    for (const Xml& item : *answer) {
        const Resource other = parse_resource(Kind::security_group, item);
        if (other.tag("nodeboot.io/cluster") != cluster)
            return fail(ErrorKind::conflict,
                        fmt::format("{} of {} has the name of {}, and not its tags", told_apart(other), vpc->id,
                                    to_string(ref)),
                        tag_by_hand(cluster, ref, other.id));
    }
    return {};
}

Result<CloudChanges> plan_group(const CloudView& view, const Config& config, const Ref& ref) {
    CloudChanges changes;
    const Tags tags = tags_of(config, ref.name, ref.name);
    const auto found = NB_TRY(view.known(ref));
    if (!found) NB_CHECK(name_is_free(view, ref));
    if (found)
        want_tags(changes, *found, to_string(ref), tags);
    else
        changes.push_back(
            {to_string(ref), "absent", "present",
             creation(ref, "CreateSecurityGroup",
                      {{"GroupName", group_name(config.cluster.name, ref)},
                       {"GroupDescription", fmt::format("nodeboot: {} of {}", ref.name, config.cluster.name)},
                       {"VpcId", parts::vpc}},
                      tags)});
    return changes;
}

Result<CloudChanges> plan_rules(const CloudView& view, const Config& config, const Ref& ref) {
    CloudChanges changes;
    std::map<std::string, std::string> labels;
    for (const auto& group : {parts::control_plane_group, parts::worker_group})
        if (const auto found = NB_TRY(view.known(group))) labels[found->id] = "from " + group.name;
    const auto group = NB_TRY(view.find(ref));
    const auto wanted = NB_TRY(Wanted(view, config).inbound(ref == parts::control_plane_group));
    want_rules(changes, ref, group ? rules_in(group->item, "ipPermissions/item", labels) : std::set<Rule>(), wanted,
               "Ingress");
    // AWS gives each new group this one, and an IPv6 one beside it in a VPC that has IPv6.
    const Rule out{"-1", "", "", "0.0.0.0/0", "to everywhere", sources[0].parameter};
    std::set<Rule> outbound = group ? rules_in(group->item, "ipPermissionsEgress/item", labels) : std::set{out};
    std::erase_if(outbound, [](const Rule& rule) { return rule.protocol == "-1" && rule.who == "::/0"; });
    want_rules(changes, ref, outbound, {out}, "Egress");
    return changes;
}

}  // namespace

void add_security_groups(CloudPhases& phases, const Config& config) {
    const std::vector<std::string> needs = {config.vpc.given() ? "network" : "vpc"};
    std::vector<std::string> names;
    for (const auto& ref : {parts::control_plane_group, parts::worker_group}) {
        names.push_back("security-group-" + ref.name);
        phases.push_back(
            make_cloud_phase({names.back(), fmt::format("the security group {}", ref.name), needs},
                             [&config, ref](const CloudView& view) { return plan_group(view, config, ref); }));
    }
    for (const auto& ref : {parts::control_plane_group, parts::worker_group})
        phases.push_back(make_cloud_phase(
            {"security-rules-" + ref.name, fmt::format("who may reach the {} nodes, and nobody else", ref.name), names},
            [&config, ref](const CloudView& view) { return plan_rules(view, config, ref); }));
}

}  // namespace nodeboot
