#include "phases/join_secret_publish.hpp"

#include <gtest/gtest.h>

#include "base/encoding.hpp"
#include "net/certificate.hpp"
#include "phases/kubeadm.hpp"
#include "support/fake_services.hpp"
#include "support/test_pki.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

constexpr const char* cluster_info = "/api/v1/namespaces/kube-public/configmaps/cluster-info";

/// A control plane whose controller manager signs cluster-info for every token at once.
void prepare(FakeNode& node) {
    node.host.put(admin_conf, "x", 0600);
    auto& objects = node.kube.api->objects;
    objects["/version"] = {{"gitVersion", "v1.35.1"}};
    objects[cluster_info] = {{"data", {{"kubeconfig", "x"}}}};
    node.kube.api->on_create = [&objects](const std::string&, const nlohmann::json& object) {
        const std::string name = object.value("/metadata/name"_json_pointer, std::string());
        if (name.starts_with("bootstrap-token-"))
            objects[cluster_info]["data"]["jws-kubeconfig-" + name.substr(16)] = "sig";
    };
}

TEST(JoinSecretPublish, a_bare_machine_plans_to_publish_without_asking_anything) {
    FakeNode node;
    node.kube.api->answers = false;
    EXPECT_EQ(make_join_secret_publish_phase(node.services)->plan(node.host)->size(), 1U);
}

TEST(JoinSecretPublish, published_once_there_is_nothing_to_do_until_half_its_life_is_over) {
    FakeNode node;
    prepare(node);
    const auto phase = make_join_secret_publish_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    ASSERT_TRUE(node.store.secret);
    EXPECT_EQ(node.store.secret->endpoint, "10.0.0.10:6443");
    EXPECT_EQ(node.store.secret->kubernetes_version, "v1.35.1");
    EXPECT_TRUE(phase->plan(node.host)->empty());
    node.clock.advance(std::chrono::minutes(29));
    EXPECT_TRUE(phase->plan(node.host)->empty());
    node.clock.advance(std::chrono::minutes(2));
    const auto changes = phase->plan(node.host);
    ASSERT_EQ(changes->size(), 1U);
    EXPECT_EQ(changes->front().from, "expires in 29m");
}

TEST(JoinSecretPublish, each_way_a_published_secret_can_be_bad_is_named_and_mended) {
    const std::pair<const char*, std::function<void(FakeNode&)>> cases[] = {
        {"points to 10.0.0.99:6443", [](FakeNode& n) { n.store.secret->endpoint = "10.0.0.99:6443"; }},
        {"another CA", [](FakeNode& n) { n.store.secret->ca_cert_hashes = {"sha256:" + std::string(64, 'b')}; }},
        {"its token is gone",
         [](FakeNode& n) {
             n.kube.api->objects[cluster_info]["data"] = {{"kubeconfig", "x"}};
         }},
        {"expired", [](FakeNode& n) { n.clock.advance(std::chrono::hours(2)); }},
        {"not published", [](FakeNode& n) { n.store.secret.reset(); }},
    };
    for (const auto& [reason, spoil] : cases) {
        FakeNode node;
        prepare(node);
        const auto phase = make_join_secret_publish_phase(node.services);
        ASSERT_TRUE(node.converge(*phase)) << reason;
        spoil(node);
        const auto changes = phase->plan(node.host);
        ASSERT_EQ(changes->size(), 1U) << reason;
        EXPECT_EQ(changes->front().from, reason);
        ASSERT_TRUE(node.converge(*phase)) << reason;
        EXPECT_TRUE(phase->plan(node.host)->empty()) << reason;
    }
}

/// What another control plane's API says to anybody at its endpoint.
std::string cluster_info_of(const std::string& ca_pem) {
    return nlohmann::json{{"data",
                           {{"kubeconfig",
                             "apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    "
                             "certificate-authority-data: " +
                                 base64_encode(ca_pem) + "\n    server: https://10.0.0.99:6443\nusers: null\n"}}}}
        .dump();
}

/// A control plane that finds the secret of another one with the same cluster.name.
struct Second : FakeNode {
    Second() {
        prepare(*this);
        config.cluster.name = "demo";
        store.secret = JoinSecret{"10.0.0.99:6443",
                                  Secret("abcdef.0123456789abcdef"),
                                  {ca_hash(other_ca.certificate).value()},
                                  clock.wall() + std::chrono::hours(1),
                                  "v1.35.1"};
    }
    HttpResponse& answer() {
        return web.answers["https://10.0.0.99:6443/api/v1/namespaces/kube-public/configmaps/cluster-info"];
    }
    testing::KeyPair other_ca = testing::make_ca("kubernetes");
};

TEST(JoinSecretPublish, the_secret_of_another_control_plane_that_lives_is_not_replaced) {
    for (const Duration age : {Duration::zero(), Duration(std::chrono::minutes(50))}) {
        Second node;
        node.answer() = {200, {}, cluster_info_of(node.other_ca.certificate)};
        node.clock.advance(age);  // not renewed for long: still not ours
        const auto done = node.converge(*make_join_secret_publish_phase(node.services));
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().kind, ErrorKind::refused);
        EXPECT_NE(done.error().message.find("10.0.0.99:6443"), std::string::npos) << done.error().message;
        EXPECT_NE(done.error().hint.find("cluster.name = \"demo\""), std::string::npos) << done.error().hint;
        EXPECT_EQ(node.store.secret->endpoint, "10.0.0.99:6443");
    }
}

// An instance that was terminated and made again makes a new CA.
TEST(JoinSecretPublish, the_secret_of_a_control_plane_that_is_gone_is_replaced_after_a_minute) {
    Second node;
    const auto before = node.clock.wall();
    const auto phase = make_join_secret_publish_phase(node.services);
    ASSERT_TRUE(node.converge(*phase));
    EXPECT_EQ(node.store.secret->endpoint, "10.0.0.10:6443");
    EXPECT_GE(node.clock.wall() - before, std::chrono::minutes(1)) << "an API server may just be restarting";
    EXPECT_LT(node.clock.wall() - before, std::chrono::minutes(2));
    EXPECT_TRUE(phase->plan(node.host)->empty());
}

TEST(JoinSecretPublish, one_whose_address_another_cluster_has_by_now_is_replaced_at_once) {
    Second node;
    node.answer() = {200, {}, cluster_info_of(testing::make_ca("kubernetes").certificate)};
    const auto before = node.clock.wall();
    ASSERT_TRUE(node.converge(*make_join_secret_publish_phase(node.services)));
    EXPECT_EQ(node.store.secret->endpoint, "10.0.0.10:6443");
    EXPECT_LT(node.clock.wall() - before, std::chrono::seconds(1));
}

TEST(JoinSecretPublish, one_that_expired_is_replaced_whoever_answers) {
    Second node;
    node.answer() = {200, {}, cluster_info_of(node.other_ca.certificate)};
    node.clock.advance(std::chrono::hours(2));
    ASSERT_TRUE(node.converge(*make_join_secret_publish_phase(node.services)));
    EXPECT_EQ(node.store.secret->endpoint, "10.0.0.10:6443");
}

/// Answers late: only who looks patiently gets something.
class LateStore final : public JoinStore {
   public:
    explicit LateStore(testing::FakeStore& store) : store_(store) {}
    Result<std::optional<JoinSecret>> fetch(Look look) const override {
        if (look == Look::once) return fail(ErrorKind::timeout, "Resolving timed out after 5004 milliseconds");
        return store_.fetch(look);
    }
    Result<void> publish(const JoinSecret& secret) override { return store_.publish(secret); }
    Result<std::optional<Secret>> fetch_kubeconfig() const override { return store_.fetch_kubeconfig(); }
    Result<void> publish_kubeconfig(const Secret& text) override { return store_.publish_kubeconfig(text); }
    std::string describe() const override { return store_.describe(); }

   private:
    testing::FakeStore& store_;
};

TEST(JoinSecretPublish, a_store_that_answers_late_is_waited_for) {
    FakeNode node;
    prepare(node);
    ASSERT_TRUE(node.converge(*make_join_secret_publish_phase(node.services)));
    LateStore store(node.store);
    const NodeServices services{node.config, node.host, node.clock, node.log,      node.cri,
                                node.kube,   store,     node.web,   "ip-10-0-0-10"};
    const auto changes = make_join_secret_publish_phase(services)->plan(node.host);
    ASSERT_TRUE(changes) << changes.error().text();
    EXPECT_TRUE(changes->empty());
}

TEST(JoinSecretPublish, nothing_is_published_while_cluster_info_lacks_the_signature) {
    FakeNode node;
    prepare(node);
    node.kube.api->on_create = nullptr;
    EXPECT_FALSE(node.converge(*make_join_secret_publish_phase(node.services)));
    EXPECT_FALSE(node.store.secret);
}

}  // namespace
}  // namespace nodeboot
