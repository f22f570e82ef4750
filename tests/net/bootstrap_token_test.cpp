#include "net/bootstrap_token.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

namespace nodeboot {
namespace {

ClusterInfo info_of_joshua() {
    // Vector of k8s.io/cluster-bootstrap, token/jws/jws_test.go.
    return {"Hello from the other side. I must have called a thousand times.",
            {{"joshua", "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"}}};
}
BootstrapToken joshua(const std::string& secret = "my voice is my passcode") { return {"joshua", Secret(secret)}; }

TEST(BootstrapToken, generated_ones_have_the_form_and_differ) {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto token = generate_bootstrap_token();
        ASSERT_TRUE(token);
        const auto again = parse_bootstrap_token(token->text());
        ASSERT_TRUE(again);
        EXPECT_EQ(again->id, token->id);
        EXPECT_TRUE(again->secret == token->secret);
        EXPECT_TRUE(seen.insert(std::string(token->text().reveal())).second);
    }
}

TEST(BootstrapToken, malformed_ones_are_refused_without_being_quoted) {
    for (const auto* text : {"abcdef", "abcdef.0123456789abcde", "abcdef.0123456789abcdefg", "ABCDEF.0123456789abcdef",
                             "abcdef:0123456789abcdef", "abcdef.0123456789abcde "}) {
        const auto token = parse_bootstrap_token(Secret(text));
        ASSERT_FALSE(token) << text;
        EXPECT_EQ(token.error().text(), "the bootstrap token has not the form abcdef.0123456789abcdef");
    }
}

TEST(BootstrapToken, the_object_is_what_the_api_server_expects) {
    const auto object =
        bootstrap_token_object({"abcdef", Secret("0123456789abcdef")}, parse_rfc3339("2026-11-23T05:00:00Z").value());
    EXPECT_EQ(object["metadata"]["name"], "bootstrap-token-abcdef");
    EXPECT_EQ(object["metadata"]["namespace"], "kube-system");
    EXPECT_EQ(object["type"], "bootstrap.kubernetes.io/token");
    EXPECT_EQ(object["stringData"]["token-id"], "abcdef");
    EXPECT_EQ(object["stringData"]["token-secret"], "0123456789abcdef");
    EXPECT_EQ(object["stringData"]["expiration"], "2026-11-23T05:00:00Z");
    EXPECT_EQ(object["stringData"]["usage-bootstrap-authentication"], "true");
    EXPECT_EQ(object["stringData"]["usage-bootstrap-signing"], "true");
    EXPECT_EQ(object["stringData"]["auth-extra-groups"], "system:bootstrappers:kubeadm:default-node-token");
}

TEST(ClusterInfo, a_right_signature_is_accepted) { EXPECT_TRUE(verify_cluster_info(info_of_joshua(), joshua())); }

TEST(ClusterInfo, a_changed_text_secret_or_header_is_refused) {
    EXPECT_EQ(verify_cluster_info(info_of_joshua(), joshua("another")).error().kind, ErrorKind::refused);
    auto info = info_of_joshua();
    info.kubeconfig += " ";
    EXPECT_EQ(verify_cluster_info(info, joshua()).error().kind, ErrorKind::refused);
    for (const auto* jws :
         {"", "..", "x..y", "eyJhbGciOiJub25lIiwia2lkIjoiam9zaHVhIn0..",
          "eyJhbGciOiJIUzI1NiIsImtpZCI6ImFub3RoZXIifQ..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"}) {
        info = info_of_joshua();
        info.signatures["joshua"] = jws;
        EXPECT_EQ(verify_cluster_info(info, joshua()).error().kind, ErrorKind::refused) << jws;
    }
}

TEST(ClusterInfo, a_missing_signature_is_told_from_a_wrong_one) {
    auto info = info_of_joshua();
    info.signatures.clear();
    EXPECT_EQ(verify_cluster_info(info, joshua()).error().kind, ErrorKind::not_found);
}

TEST(ClusterInfo, is_read_from_the_config_map) {
    const auto info =
        parse_cluster_info({{"data", {{"kubeconfig", "text"}, {"jws-kubeconfig-abcdef", "sig"}, {"other", "x"}}}});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->kubeconfig, "text");
    EXPECT_EQ(info->signatures, (std::map<std::string, std::string>{{"abcdef", "sig"}}));
    EXPECT_FALSE(parse_cluster_info({{"data", nullptr}}));
}

}  // namespace
}  // namespace nodeboot
