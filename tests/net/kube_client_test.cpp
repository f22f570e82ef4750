#include "net/kube_client.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/fake_http.hpp"

namespace nodeboot {
namespace {

using testing::FakeHttp;
using Json = nlohmann::json;

Kubeconfig config() {
    Kubeconfig out;
    out.server = "https://10.0.0.10:6443";
    out.ca_pem = "CA";
    out.client_certificate_pem = "CERT";
    out.client_key_pem = Secret("KEY");
    return out;
}

std::string status_body(const std::string& reason, const std::string& message) {
    return Json{{"kind", "Status"}, {"reason", reason}, {"message", message}}.dump();
}

TEST(KubeClient, get_tells_an_absent_object_from_an_api_that_the_server_does_not_have) {
    FakeHttp http;
    const auto api = make_kube_client(http, config());
    http.then(200, R"({"kind":"Node","metadata":{"name":"a"}})");
    http.then(404, status_body("NotFound", "nodes \"b\" not found"));
    http.then(404, status_body("NotFound", "the server could not find the requested resource"));
    http.then(404, "404 page not found\n");
    EXPECT_EQ((**api->get("/api/v1/nodes/a"))["kind"], "Node");
    EXPECT_FALSE(api->get("/api/v1/nodes/b").value());
    EXPECT_EQ(api->get("/apis/x/v9/things/c").error().kind, ErrorKind::not_found);
    EXPECT_EQ(api->get("/apis/y/v1/things/c").error().text(),
              "Kubernetes API: GET /apis/y/v1/things/c: 404 404 page not found");
    EXPECT_EQ(http.requests[0].url, "https://10.0.0.10:6443/api/v1/nodes/a");
    EXPECT_EQ(http.requests[0].ca_pem, "CA");
    EXPECT_EQ(http.requests[0].client_key_pem.reveal(), "KEY");
}

TEST(KubeClient, writes_go_to_the_right_verb_content_type_and_query) {
    FakeHttp http;
    const auto api = make_kube_client(http, config());
    for (int i = 0; i < 5; ++i) http.then(200, "{}");
    const Json object{{"kind", "ConfigMap"}};
    ASSERT_TRUE(api->apply("/p", object));
    ASSERT_TRUE(api->apply_dry_run("/p", object));
    ASSERT_TRUE(api->create("/c", object));
    ASSERT_TRUE(api->patch("/p", object));
    ASSERT_TRUE(api->remove("/p"));
    const std::vector<std::array<std::string, 3>> expected{
        {"PATCH", "/p?fieldManager=nodeboot&force=true&fieldValidation=Strict", "application/apply-patch+yaml"},
        {"PATCH", "/p?fieldManager=nodeboot&force=true&fieldValidation=Strict&dryRun=All",
         "application/apply-patch+yaml"},
        {"POST", "/c?fieldManager=nodeboot&fieldValidation=Strict", "application/json"},
        {"PATCH", "/p?fieldManager=nodeboot&fieldValidation=Strict", "application/merge-patch+json"},
        {"DELETE", "/p", ""},
    };
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(http.requests[i].method, expected[i][0]);
        EXPECT_EQ(http.requests[i].url, "https://10.0.0.10:6443" + expected[i][1]);
        EXPECT_EQ(testing::header_of(http.requests[i], "Content-Type"), expected[i][2]);
    }
    EXPECT_EQ(http.requests[0].body->reveal(), R"({"kind":"ConfigMap"})");
}

TEST(KubeClient, the_servers_message_and_what_it_means_are_in_the_error) {
    const std::vector<std::pair<int, ErrorKind>> table{
        {400, ErrorKind::invalid_input}, {422, ErrorKind::invalid_input}, {401, ErrorKind::permission},
        {403, ErrorKind::permission},    {404, ErrorKind::not_found},     {409, ErrorKind::conflict},
        {429, ErrorKind::unavailable},   {500, ErrorKind::unavailable},   {503, ErrorKind::unavailable},
        {504, ErrorKind::unavailable},   {302, ErrorKind::refused},
    };
    for (const auto& [status, kind] : table) {
        FakeHttp http;
        const auto api = make_kube_client(http, config());
        http.then(status, status_body("X", "because of that"));
        const auto made = api->create("/c", Json::object());
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind, kind) << status;
        EXPECT_EQ(made.error().text(), "Kubernetes API: POST /c: " + std::to_string(status) + " because of that");
    }
}

TEST(KubeClient, silence_is_unavailable_and_absence_is_a_successful_removal) {
    FakeHttp http;
    const auto api = make_kube_client(http, config());
    http.then(ErrorKind::timeout, "GET x: timed out");
    http.then(404, status_body("NotFound", "pods \"a\" not found"));
    http.then(200, "ok");
    http.then(500, "not ok");
    http.then(200, "cut o");
    EXPECT_EQ(api->ready().error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(api->remove("/p"));
    EXPECT_TRUE(api->ready().value());
    EXPECT_FALSE(api->ready().value());
    EXPECT_EQ(api->get("/p").error().kind, ErrorKind::unavailable);
}

TEST(KubeClient, an_identity_that_is_unknown_is_not_taken_for_a_server_that_is_not_ready) {
    FakeHttp http;
    const auto api = make_kube_client(http, config());
    http.then(401, status_body("Unauthorized", "Unauthorized"));
    http.then(403, status_body("Forbidden", "rbac: clusterroles are not read yet"));
    const auto ready = api->ready();
    ASSERT_FALSE(ready);
    EXPECT_EQ(ready.error().kind, ErrorKind::permission);
    EXPECT_NE(ready.error().hint.find("expired certificate"), std::string::npos);
    EXPECT_FALSE(api->ready().value());
}

TEST(KubeClient, without_a_ca_nothing_is_sent) {
    FakeHttp http;
    const auto api = make_anonymous_kube_client(http, "https://h:6443", "");
    EXPECT_EQ(api->get("/p").error().kind, ErrorKind::refused);
    EXPECT_TRUE(http.requests.empty());
}

}  // namespace
}  // namespace nodeboot
