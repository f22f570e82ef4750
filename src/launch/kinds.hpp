#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace nodeboot {

/// What the launcher makes, by the API that lists it.
enum class Kind {
    vpc,
    subnet,
    internet_gateway,
    elastic_ip,
    nat_gateway,
    route_table,
    security_group,
    key_pair,
    instance,
    volume,
    network_interface,
};

/// How EC2 speaks of one kind: the names of its actions and of the elements in its answers.
struct KindInfo {
    std::string_view word;      ///< for people: "security group"
    std::string_view type;      ///< in TagSpecification.N.ResourceType: "security-group"
    std::string_view describe;  ///< "DescribeSecurityGroups"
    std::string_view items;     ///< in its answer: "securityGroupInfo/item"
    std::string_view id;        ///< in an item: "groupId"
    std::string_view id_param;  ///< in a request: "GroupId"
    std::string_view created;  ///< where a creation's answer holds the item; "": the answer itself, not all of the item
    std::string_view state;    ///< in an item, "" where it has none
    /// States in which it is gone, or as good as: separated by blanks.
    std::string_view gone = {};
};
const KindInfo& info_of(Kind kind);
/// What answers about this kind are filed under.
inline std::string topic_of(Kind kind) { return std::string(info_of(kind).type); }

/// A resource of this cluster by its part in it, whether it exists yet or not: the tag nodeboot.io/name.
struct Ref {
    Kind kind;
    std::string name;
    friend auto operator<=>(const Ref&, const Ref&) = default;
};
std::string to_string(const Ref& ref);  ///< "subnet private-1"; "VPC" where the name says nothing more

}  // namespace nodeboot
