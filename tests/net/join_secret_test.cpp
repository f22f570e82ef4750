#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/join_store.hpp"

namespace nodeboot {
namespace {

const std::string hash = "sha256:" + std::string(64, 'a');

nlohmann::json good() {
    return {{"format", 1},
            {"endpoint", "10.0.0.10:6443"},
            {"token", "zyxwvu.9876543210zyxwvu"},
            {"ca_cert_hashes", {hash}},
            {"expires", "2026-11-23T05:00:00Z"},
            {"kubernetes_version", "v1.34.2"}};
}

TEST(JoinSecret, survives_writing_and_reading) {
    const auto secret = parse_join_secret(Secret(good().dump()));
    ASSERT_TRUE(secret) << secret.error().text();
    const auto again = parse_join_secret(serialise(*secret));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->endpoint, "10.0.0.10:6443");
    EXPECT_EQ(again->token.reveal(), "zyxwvu.9876543210zyxwvu");
    EXPECT_EQ(again->ca_cert_hashes, std::vector<std::string>{hash});
    EXPECT_EQ(format_rfc3339(again->expires), "2026-11-23T05:00:00Z");
    EXPECT_EQ(again->kubernetes_version, "v1.34.2");
}

TEST(JoinSecret, whatever_is_missing_or_wrong_is_named_and_the_token_never) {
    const std::vector<std::pair<nlohmann::json, std::string>> table{
        {{{"format", nullptr}}, "format is missing"},
        {{{"format", 2}}, "format 2 is not known"},
        {{{"endpoint", nullptr}}, "endpoint is not host:port"},
        {{{"endpoint", "10.0.0.10"}}, "endpoint is not host:port"},
        {{{"token", nullptr}}, "bootstrap token"},
        {{{"token", "zyxwvu.9876543210zyxwvX"}}, "bootstrap token"},
        {{{"ca_cert_hashes", nullptr}}, "ca_cert_hashes is missing"},
        {{{"ca_cert_hashes", nlohmann::json::array()}}, "ca_cert_hashes is missing or empty"},
        {{{"ca_cert_hashes", {"sha256:zz"}}}, "64 hex digits"},
        {{{"expires", "tomorrow"}}, "expires is no RFC 3339 time"},
        {{{"kubernetes_version", nullptr}}, "kubernetes_version is missing"},
    };
    for (const auto& [change, message] : table) {
        auto document = good();
        document.merge_patch(change);
        const auto secret = parse_join_secret(Secret(document.dump()));
        ASSERT_FALSE(secret) << change;
        EXPECT_EQ(secret.error().kind, ErrorKind::corrupted);
        EXPECT_NE(secret.error().text().find(message), std::string::npos) << secret.error().text();
        EXPECT_EQ(secret.error().text().find("9876543210"), std::string::npos);
    }
    EXPECT_FALSE(parse_join_secret(Secret("{\"token\":\"abcdef.01234")));
    EXPECT_FALSE(parse_join_secret(Secret("[]")));
}

}  // namespace
}  // namespace nodeboot
