// docs/examples opens between nodes what `cluster up` opens, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "launch/harness.hpp"
#include "support/paths.hpp"

namespace nodeboot {
namespace {

using Ports = std::set<std::string>;  ///< "tcp 30000-32767"

/// Where `up` opens them: the control plane's group alone, or both.
struct Opened {
    Ports control_plane, nodes;
};

Opened opened_by_up() {
    testing::Launch launch;
    EXPECT_TRUE(launch.up().ok());
    const auto inbound = [&](const std::string& group) {
        Ports out;
        const auto& item = launch.aws.ec2.things.at(launch.aws.ec2.id(Kind::security_group, group)).item;
        for (const Xml* rule : item.all("ipPermissions/item"))
            out.insert(fmt::format("{} {}-{}", rule->text_at("ipProtocol"), rule->text_at("fromPort"),
                                   rule->text_at("toPort")));
        return out;
    };
    Opened opened{inbound("control-plane"), inbound("worker")};
    for (const auto& port : opened.nodes) EXPECT_EQ(opened.control_plane.erase(port), 1U) << port;
    return opened;
}

std::string example(const std::string& name) {
    std::ifstream file(testing::tests_folder().parent_path() / "docs/examples" / name);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Protocol, first port, last port: the groups of `pattern`, the last one empty where it is the first.
Ports ports_in(const std::string& text, const std::string& pattern) {
    Ports out;
    const std::regex regex(pattern);
    for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
        const std::string last = at->size() > 3 && (*at)[3].matched ? (*at)[3].str() : (*at)[2].str();
        out.insert(fmt::format("{} {}-{}", (*at)[1].str(), (*at)[2].str(), last));
    }
    return out;
}

/// From the line that holds `from` to the one that holds `to`.
std::string between(const std::string& text, const std::string& from, const std::string& to) {
    const auto begin = text.find(from);
    EXPECT_NE(begin, std::string::npos) << from;
    return begin == std::string::npos ? "" : text.substr(begin, text.find(to, begin) - begin);
}

TEST(Examples, terraform_opens_the_same_ports) {
    const std::string text = example("terraform/main.tf");
    const std::string rule = R"re(protocol = "(\w+)", from = (\d+), to = (\d+))re";
    const auto opened = opened_by_up();
    EXPECT_EQ(ports_in(between(text, "between_nodes = {", "rules = merge"), rule), opened.nodes);
    EXPECT_EQ(ports_in(between(text, "  api = merge(", "resource "), rule), opened.control_plane);
    EXPECT_EQ(ports_in(text, rule).size(), opened.nodes.size() + opened.control_plane.size());
}

TEST(Examples, cdk_opens_the_same_ports) {
    const std::string text = example("cdk/cluster.js");
    const auto opened = opened_by_up();
    const std::string port = R"re(ec2\.Port\.(tcp|udp)(?:Range)?\((\d+)(?:, (\d+))?\))re";
    EXPECT_EQ(ports_in(text, R"re(\bto\.addIngressRule\(from, )re" + port), opened.nodes);
    EXPECT_EQ(ports_in(text, R"re(controlPlaneGroup\.addIngressRule\(.*)re" + port), opened.control_plane);
}

TEST(Examples, start_instances_as_up_does) {
    const std::string terraform = example("terraform/main.tf"), cdk = example("cdk/cluster.js");
    const auto times = [](const std::string& text, const std::string& pattern) {
        const std::regex regex(pattern);
        return std::distance(std::sregex_iterator(text.begin(), text.end(), regex), {});
    };
    for (const auto* line :
         {R"(http_tokens +)", R"(http_put_response_hop_limit +)", R"(volume_size +)", R"(encrypted +)"})
        EXPECT_EQ(times(terraform, line), 2) << line;  // the control plane and the workers
    EXPECT_EQ(times(terraform, R"(http_tokens += "required")"), 2);
    EXPECT_EQ(times(terraform, R"(http_put_response_hop_limit += 1\b)"), 2);
    EXPECT_EQ(times(terraform, R"(volume_size += 30\n)"), 2);
    EXPECT_EQ(times(terraform, R"(encrypted += true)"), 2);
    EXPECT_EQ(times(cdk, R"(requireImdsv2: true)"), 1);
    EXPECT_EQ(times(cdk, R"(httpPutResponseHopLimit: 1,)"), 1);
    EXPECT_EQ(times(cdk, R"(BlockDeviceVolume\.ebs\(30, \{ .*encrypted: true \}\))"), 1);
}

}  // namespace
}  // namespace nodeboot
