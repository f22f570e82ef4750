#include "launch/faults.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

namespace nodeboot {
namespace {

struct Quota {
    std::string_view code, name, service;
};

// Amazon EC2 API Reference, "Client error codes"; the names are those of the Service Quotas console.
constexpr Quota quotas[] = {
    {"VpcLimitExceeded", "VPCs per Region", "Amazon VPC"},
    {"SubnetLimitExceeded", "Subnets per VPC", "Amazon VPC"},
    {"InternetGatewayLimitExceeded", "Internet gateways per Region", "Amazon VPC"},
    {"NatGatewayLimitExceeded", "NAT gateways per Availability Zone", "Amazon VPC"},
    {"RouteTableLimitExceeded", "Route tables per VPC", "Amazon VPC"},
    {"RouteLimitExceeded", "Routes per route table", "Amazon VPC"},
    {"SecurityGroupLimitExceeded", "VPC security groups per Region", "Amazon VPC"},
    {"RulesPerSecurityGroupLimitExceeded", "Inbound or outbound rules per security group", "Amazon VPC"},
    {"AddressLimitExceeded", "EC2-VPC Elastic IPs", "Amazon EC2"},
    {"VcpuLimitExceeded", "Running On-Demand instances (vCPUs of the instance's family)", "Amazon EC2"},
    {"InstanceLimitExceeded", "Running On-Demand instances", "Amazon EC2"},
    {"VolumeLimitExceeded", "Storage for General Purpose SSD (gp3) volumes", "Amazon EBS"},
    {"LimitExceeded", "a quota of the service", "IAM"},
};

struct Advice {
    std::string_view code;
    const char* hint;
};

// Same table: it is the account that may not, whoever asks.
constexpr Advice about_the_account[] = {
    {"OptInRequired",
     "this account has to subscribe to that first: to the image in the AWS Marketplace, or to the service in the "
     "console"},
    {"PendingVerification",
     "AWS has not verified this account yet, which takes minutes to hours; it sends a mail, then run this again"},
    {"Blocked", "AWS has blocked this account; AWS Support says why"},
};

bool any_of(std::string_view code, std::initializer_list<std::string_view> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Of what fault_error calls `permission`; the rest is about logins, clocks and accounts. 403: an answer without words.
bool lacks_permission(std::string_view code) {
    return any_of(code, {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "NotAuthorized", "403"});
}

bool names_missing_thing(std::string_view code) {
    return code.find("NotFound") != std::string_view::npos || any_of(code, {"NoSuchEntity", "ParameterNotFound"});
}

}  // namespace

bool is_capacity_fault(const AwsFault& fault) {
    return any_of(fault.code, {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientCapacity",
                               "InsufficientFreeAddressesInSubnet", "Unsupported"});
}

bool is_unknown_profile(const AwsFault& fault) {
    return (fault.code == "InvalidParameterValue" || fault.code == "InvalidIamInstanceProfileArn") &&
           (fault.message.find("IAM Instance Profile") != std::string::npos ||
            fault.message.find("iamInstanceProfile") != std::string::npos);
}

Verdict judge(const ApiCall& call, const AwsFault& fault) {
    const std::string_view code = fault.code;
    if (!call.deletes.empty()) {
        if (names_missing_thing(code) || any_of(code, {"Gateway.NotAttached"})) return Verdict::done;
        if (any_of(code, {"DependencyViolation", "InvalidIPAddress.InUse", "InvalidGroup.InUse", "DeleteConflict",
                          "InvalidNetworkInterface.InUse", "VolumeInUse", "IncorrectState", "IncorrectInstanceState"}))
            return Verdict::again;
        return Verdict::failed;
    }
    // A profile holds one role: the one that the plan found missing, and a lost answer's repetition finds there.
    if (call.action == "AddRoleToInstanceProfile" && code == "LimitExceeded") return Verdict::done;
    if (code.ends_with(".Duplicate") || code.find("AlreadyExist") != std::string_view::npos ||
        any_of(code, {"Resource.AlreadyAssociated", "InvalidPermission.NotFound"}))
        return Verdict::done;
    if (call.action != "RunInstances" && is_unknown_profile(fault)) return Verdict::again;  // it was made a moment ago
    if (names_missing_thing(code) || any_of(code, {"IncorrectState", "IncorrectInstanceState", "InvalidVpcState",
                                                   "InvalidSubnet.State", "ConcurrentModification"}))
        return Verdict::again;
    return Verdict::failed;
}

Error explain(const ApiCall& call, const AwsFault& fault) {
    Error error = fault_error(describe(call), fault);
    for (const auto& quota : quotas)
        if (fault.code == quota.code)
            return {ErrorKind::refused,
                    fmt::format("{}: the quota \"{}\" of {} is used up in this region ({}: {})", call.action,
                                quota.name, quota.service, fault.code, fault.message),
                    "ask for more in the Service Quotas console, or free some; then run `nodeboot cluster up` again",
                    {}};
    for (const auto& [code, hint] : about_the_account)
        if (fault.code == code) error.hint = hint;
    if (lacks_permission(fault.code))
        error.hint = fmt::format(
            "these credentials need {}:{}; `nodeboot cluster iam-policy` prints all that the launcher needs",
            call.service, call.action);
    if (is_capacity_fault(fault))
        error.hint = "choose another instance type, or other zones with vpc.zones, or try again later";
    return error;
}

}  // namespace nodeboot
