#include "net/discovery.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "net/certificate.hpp"
#include "net/sha256.hpp"
#include "support/https_server.hpp"

namespace nodeboot {
namespace {

using testing::HttpsServer;

/// A control plane's API as far as an anonymous worker sees it, over real TLS.
class DiscoveryTest : public ::testing::Test {
   protected:
    void start(int status = 200) {
        server_ = std::make_unique<HttpsServer>(
            HttpsServer::Options{
                testing::make_certificate(ca_, {.common_name = "kube-apiserver", .names = {"IP:127.0.0.1"}}), ""},
            [this, status](const HttpsServer::Request& request) {
                EXPECT_EQ(request.target, "/api/v1/namespaces/kube-public/configmaps/cluster-info");
                return HttpsServer::reply(status, cluster_info());
            });
        secret_ = {server_->url("").substr(8),
                   Secret("abcdef.0123456789abcdef"),
                   {ca_hash(ca_.certificate).value()},
                   {},
                   "v1.35.0"};
    }

    std::string cluster_info() const {
        const std::string kubeconfig =
            "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    certificate-authority-data: " +
            base64_encode(advertised_ca_.certificate) + "\n    server: https://10.0.0.10:6443\nusers: null\n";
        const std::string header = base64url_encode(R"({"alg":"HS256","kid":"abcdef"})");
        const auto signature = hmac_sha256(signing_secret_, header + "." + base64url_encode(kubeconfig));
        nlohmann::json data{{"kubeconfig", kubeconfig}};
        if (!signing_secret_.empty())
            data["jws-kubeconfig-abcdef"] = header + ".." + base64url_encode(signature.reveal());
        return nlohmann::json{{"data", data}}.dump();
    }

    testing::KeyPair ca_ = testing::make_ca("kubernetes");
    testing::KeyPair advertised_ca_ = ca_;
    std::string signing_secret_ = "0123456789abcdef";
    std::unique_ptr<HttpsServer> server_;
    std::unique_ptr<Http> http_ = make_curl_http();
    JoinSecret secret_;
};

TEST_F(DiscoveryTest, the_right_cluster_is_recognised) {
    start();
    const auto found = discover_cluster(*http_, secret_);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->server, "https://10.0.0.10:6443");
    EXPECT_EQ(found->ca_pem, ca_.certificate);
}

TEST_F(DiscoveryTest, another_ca_than_the_pinned_one_is_refused_naming_both) {
    start();
    secret_.ca_cert_hashes = {"sha256:" + std::string(64, 'e')};
    const auto found = discover_cluster(*http_, secret_);
    EXPECT_EQ(found.error().kind, ErrorKind::refused);
    EXPECT_NE(found.error().text().find(ca_hash(ca_.certificate).value()), std::string::npos);
    EXPECT_NE(found.error().text().find(secret_.ca_cert_hashes[0]), std::string::npos);
}

TEST_F(DiscoveryTest, whoever_does_not_know_the_token_is_refused) {
    signing_secret_ = "fedcba9876543210";
    start();
    EXPECT_EQ(discover_cluster(*http_, secret_).error().kind, ErrorKind::refused);
}

TEST_F(DiscoveryTest, whoever_replays_signed_info_without_the_ca_key_is_refused) {
    advertised_ca_ = testing::make_ca("kubernetes");  // signed and pinned, but the server's certificate is another CA's
    start();
    secret_.ca_cert_hashes = {ca_hash(advertised_ca_.certificate).value()};
    EXPECT_EQ(discover_cluster(*http_, secret_).error().kind, ErrorKind::refused);
}

TEST_F(DiscoveryTest, an_expired_token_and_an_unfinished_control_plane_have_their_own_errors) {
    signing_secret_.clear();
    start();
    EXPECT_EQ(discover_cluster(*http_, secret_).error().kind, ErrorKind::not_found);
    start(404);
    EXPECT_EQ(discover_cluster(*http_, secret_).error().kind, ErrorKind::unavailable);
    server_.reset();
    EXPECT_EQ(discover_cluster(*http_, secret_).error().kind, ErrorKind::unavailable);
}

TEST_F(DiscoveryTest, a_cluster_is_told_by_its_ca_also_when_its_token_is_gone) {
    signing_secret_.clear();
    start();
    const std::string endpoint = secret_.endpoint;
    EXPECT_EQ(cluster_has_ca(*http_, endpoint, secret_.ca_cert_hashes).value(), true);
    EXPECT_EQ(cluster_has_ca(*http_, endpoint, {"sha256:" + std::string(64, 'e')}).value(), false);
    start(404);
    EXPECT_EQ(cluster_has_ca(*http_, secret_.endpoint, secret_.ca_cert_hashes).error().kind, ErrorKind::unavailable);
    server_.reset();
    EXPECT_EQ(cluster_has_ca(*http_, secret_.endpoint, secret_.ca_cert_hashes).error().kind, ErrorKind::unavailable);
    advertised_ca_ = testing::make_ca("kubernetes");  // claims a CA that did not sign its certificate
    start();
    EXPECT_EQ(cluster_has_ca(*http_, secret_.endpoint, {ca_hash(advertised_ca_.certificate).value()}).value(), false);
}

}  // namespace
}  // namespace nodeboot
