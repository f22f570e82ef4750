#include "system/cri_client.hpp"

#include <gtest/gtest.h>

#include "support/fake_grpc_server.hpp"
#include "support/temporary_folder.hpp"
#include "system/protobuf.hpp"

namespace nodeboot {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::FakeGrpcServer;
using Trouble = FakeGrpcServer::Trouble;

constexpr const char* version_method = "/runtime.v1.RuntimeService/Version";
constexpr const char* status_method = "/runtime.v1.RuntimeService/Status";
constexpr const char* config_method = "/runtime.v1.RuntimeService/RuntimeConfig";
constexpr const char* pull_method = "/runtime.v1.ImageService/PullImage";

FakeGrpcServer::Answer says(std::string body) {
    return [body](const std::string&) { return GrpcReply{GrpcReply::ok, "", body}; };
}
FakeGrpcServer::Answer refuses(unsigned status, std::string message) {
    return [=](const std::string&) { return GrpcReply{status, message, ""}; };
}

std::string condition(const std::string& type, bool met, const std::string& message) {
    return ProtoWriter().add(1, ProtoWriter().add(1, type).add_flag(2, met).add(4, message).take()).take();
}
std::string status_body(const std::string& config) {
    const auto info = ProtoWriter().add(1, "config").add(2, config).take();
    const auto other = ProtoWriter().add(1, "golang").add(2, "\"go1.24\"").take();
    return ProtoWriter()
        .add(1, condition("RuntimeReady", true, "") + condition("NetworkReady", false, "cni plugin not initialized"))
        .add(2, other)
        .add(2, info)
        .take();
}

class CriClientTest : public ::testing::Test {
   protected:
    CriClientTest() {
        // As containerd 1.7.24 of Debian 13 sends it.
        server_.answers[version_method] = says(
            "\x0a\x05"
            "0.1.0"
            "\x12\x0a"
            "containerd"
            "\x1a\x0a"
            "1.7.24~ds1"
            "\x22\x02v1");
        server_.answers[status_method] = says(status_body(
            R"({"containerd":{"defaultRuntimeName":"runc","runtimes":{"runc":{"options":{"SystemdCgroup":true}}}},)"
            R"("sandboxImage":"registry.k8s.io/pause:3.10.1"})"));
    }
    testing::TemporaryFolder folder_;
    FakeGrpcServer server_{folder_ / "cri.sock"};
    CriClient cri_{folder_ / "cri.sock"};
};

TEST_F(CriClientTest, containerd_1_shows_driver_and_sandbox_image_in_its_config) {
    const auto status = cri_.status();
    ASSERT_TRUE(status) << status.error().text();
    EXPECT_EQ(status->runtime_name, "containerd");
    EXPECT_EQ(status->runtime_version, "1.7.24~ds1");
    EXPECT_TRUE(status->runtime_ready);
    EXPECT_FALSE(status->network_ready);
    EXPECT_EQ(status->network_message, "cni plugin not initialized");
    EXPECT_EQ(status->systemd_cgroup, true);
    EXPECT_EQ(status->sandbox_image, "registry.k8s.io/pause:3.10.1");
}

TEST_F(CriClientTest, the_driver_in_force_counts_more_than_the_config) {
    server_.answers[config_method] = says("\x0a\x02\x08\x01"s);  // CGROUPFS
    EXPECT_EQ(cri_.status().value().systemd_cgroup, false);
    server_.answers[config_method] = says("\x0a\x00"s);  // SYSTEMD is 0 and therefore not sent
    EXPECT_EQ(cri_.status().value().systemd_cgroup, true);
}

TEST_F(CriClientTest, a_config_of_unknown_shape_says_nothing) {
    for (const auto* config :
         {"", "null", "[1]", "{\"containerd\":7}", "{\"containerd\":{\"runtimes\":[]}}", "{broken"}) {
        server_.answers[status_method] = says(status_body(config));
        const auto status = cri_.status().value();
        EXPECT_EQ(status.systemd_cgroup, std::nullopt) << config;
        EXPECT_EQ(status.sandbox_image, "") << config;
    }
}

TEST_F(CriClientTest, a_runtime_without_the_option_uses_cgroupfs) {
    server_.answers[status_method] = says(status_body(R"({"containerd":{"runtimes":{"runc":{"options":null}}}})"));
    EXPECT_EQ(cri_.status().value().systemd_cgroup, false);
}

TEST_F(CriClientTest, a_daemon_without_its_cri_plugin_is_named) {
    server_.answers.clear();
    const auto status = cri_.status();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::conflict);
    EXPECT_NE(status.error().hint.find("disabled_plugins"), std::string::npos);
}

TEST_F(CriClientTest, images_have_all_their_tags_and_digests) {
    const auto image =
        ProtoWriter().add(1, "sha256:1").add(2, "pause:3.10").add(2, "pause:latest").add(3, "pause@sha256:2").take();
    server_.answers["/runtime.v1.ImageService/ListImages"] = says(
        ProtoWriter().add(1, image).add(1, ProtoWriter().add(1, "sha256:3").add(3, "etcd@sha256:4").take()).take());
    EXPECT_EQ(cri_.images().value(),
              (std::vector<std::string>{"pause:3.10", "pause:latest", "pause@sha256:2", "etcd@sha256:4"}));
}

TEST_F(CriClientTest, more_than_a_window_of_images) {
    std::string body;
    for (int i = 0; i < 5000; ++i)
        body += ProtoWriter()
                    .add(1, ProtoWriter().add(2, "registry.example/team/image-" + std::to_string(i) + ":1").take())
                    .take();
    server_.answers["/runtime.v1.ImageService/ListImages"] = says(body);
    EXPECT_EQ(cri_.images().value().size(), 5000u);
}

TEST_F(CriClientTest, pulling_asks_for_the_image_with_a_deadline) {
    std::string asked;
    server_.answers[pull_method] = [&](const std::string& request) {
        asked = request;
        return GrpcReply{GrpcReply::ok, "", ""};
    };
    ASSERT_TRUE(cri_.pull("pause:3", 90s));
    EXPECT_EQ(asked, "\x0a\x09\x0a\x07pause:3");
    EXPECT_EQ(server_.last_headers().at("grpc-timeout"), "90000m");
    EXPECT_EQ(server_.last_headers().at("te"), "trailers");
}

TEST_F(CriClientTest, a_failed_pull_quotes_the_runtime_decoded) {
    server_.answers[pull_method] =
        refuses(GrpcReply::unknown, "dial tcp: lookup registry.k8s.io: no such host%0Aand 100%25 more");
    const auto pulled = cri_.pull("registry.k8s.io/pause:3", 60s);
    ASSERT_FALSE(pulled);
    EXPECT_EQ(pulled.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(pulled.error().text(),
              "cannot pull registry.k8s.io/pause:3: dial tcp: lookup registry.k8s.io: no such host\nand 100% more");
}

TEST(ClassifyPullFailure, by_what_a_caller_can_do) {
    struct Case {
        unsigned status;
        const char* message;
        ErrorKind kind;
    };
    const Case cases[] = {
        {2, "failed to do request: Head \"https://x/v2/\": dial tcp 10.0.0.1:443: i/o timeout", ErrorKind::unavailable},
        {2, "dial tcp: lookup registry.k8s.io: Temporary failure in name resolution", ErrorKind::unavailable},
        {2, "unexpected status from HEAD request to https://x: 503 Service Unavailable", ErrorKind::unavailable},
        {2, "unexpected status code https://x: 429 Too Many Requests", ErrorKind::unavailable},
        {2, "failed to copy: httpReadSeeker: failed open: unexpected EOF", ErrorKind::unavailable},
        {2, "x509: certificate has expired or is not yet valid: current time 1970", ErrorKind::unavailable},
        {2, "x509: certificate signed by unknown authority", ErrorKind::io},
        {2, "failed to extract layer: write /var/lib/containerd/x: no space left on device", ErrorKind::io},
        {2, "unexpected status from HEAD request to https://x: 403 Forbidden", ErrorKind::permission},
        {2, "pull access denied, repository does not exist or may require authorization: insufficient_scope",
         ErrorKind::permission},
        {5, "failed to resolve reference \"x/y:9\": x/y:9: not found", ErrorKind::not_found},
        {2, "failed to resolve reference \"x/y:9\": x/y:9: not found", ErrorKind::not_found},
        {4, "", ErrorKind::timeout},
        {14, "", ErrorKind::unavailable},
        {2, "failed to parse image reference", ErrorKind::io},
    };
    for (const auto& [status, message, kind] : cases)
        EXPECT_EQ(to_string(classify_pull_failure(status, message)), to_string(kind)) << message;
}

TEST_F(CriClientTest, a_sandbox_is_stopped_before_it_is_removed) {
    server_.answers["/runtime.v1.RuntimeService/ListPodSandbox"] =
        says(ProtoWriter().add(1, ProtoWriter().add(1, "a1").take()).add(1, ProtoWriter().add(1, "b2").take()).take());
    server_.answers["/runtime.v1.RuntimeService/StopPodSandbox"] = says("");
    server_.answers["/runtime.v1.RuntimeService/RemovePodSandbox"] = says("");
    EXPECT_EQ(cri_.sandboxes().value(), (std::vector<std::string>{"a1", "b2"}));
    ASSERT_TRUE(cri_.remove_sandbox("a1"));
    const auto asked = server_.methods();
    ASSERT_EQ(asked.size(), 3u);
    EXPECT_TRUE(asked[1].ends_with("StopPodSandbox"));
    EXPECT_TRUE(asked[2].ends_with("RemovePodSandbox"));
}

TEST_F(CriClientTest, a_sandbox_that_is_gone_is_removed) {
    server_.answers["/runtime.v1.RuntimeService/StopPodSandbox"] = refuses(GrpcReply::not_found, "no such sandbox");
    server_.answers["/runtime.v1.RuntimeService/RemovePodSandbox"] = refuses(GrpcReply::not_found, "no such sandbox");
    EXPECT_TRUE(cri_.remove_sandbox("a1"));
}

TEST_F(CriClientTest, trouble_on_the_way_has_the_right_kind) {
    server_.trouble = Trouble::hang_up;
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::unavailable);
    server_.trouble = Trouble::reset_stream;
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::unavailable);
    server_.trouble = Trouble::rubbish;
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::corrupted);
    server_.answers["/runtime.v1.ImageService/ListImages"] = says("\x0a\x00"s);
    server_.trouble = Trouble::no_grpc_status;
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::corrupted);
    server_.trouble = Trouble::truncated_body;
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::corrupted);
}

TEST_F(CriClientTest, malformed_messages_are_corrupted) {
    server_.answers["/runtime.v1.ImageService/ListImages"] = says("\x0a\x7f"s);
    EXPECT_EQ(cri_.images().error().kind, ErrorKind::corrupted);
    server_.answers[version_method] = says("\xff");
    EXPECT_EQ(cri_.status().error().kind, ErrorKind::corrupted);
}

TEST_F(CriClientTest, a_silent_daemon_runs_into_the_deadline) {
    server_.trouble = Trouble::silence;
    const auto began = std::chrono::steady_clock::now();
    const auto pulled = cri_.pull("pause:3", 150ms);
    ASSERT_FALSE(pulled);
    EXPECT_EQ(pulled.error().kind, ErrorKind::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 60s);
}

TEST_F(CriClientTest, a_stop_ends_a_long_pull) {
    server_.trouble = Trouble::silence;
    std::stop_source stop;
    CriClient cri(folder_ / "cri.sock", stop.get_token());
    const std::jthread later([&] {
        std::this_thread::sleep_for(50ms);
        stop.request_stop();
    });
    EXPECT_EQ(cri.pull("pause:3", 10min).error().kind, ErrorKind::cancelled);
}

TEST(CriClient, while_nothing_listens_it_is_unavailable) {
    const CriClient cri("/no/such/containerd.sock");
    EXPECT_EQ(cri.status().error().kind, ErrorKind::unavailable);
    EXPECT_EQ(cri.status().error().text(), "cannot connect to /no/such/containerd.sock: No such file or directory");
}

}  // namespace
}  // namespace nodeboot
