#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "net/aws_client.hpp"
#include "net/ssm.hpp"
#include "net/ssm_join_store.hpp"
#include "support/https_server.hpp"
#include "support/manual_clock.hpp"
#include "support/name_server.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HttpsServer;
using testing::NameServer;

/// As the one that is asked, but a name that is not to come has a quarter of a second; one that is, and the connection,
/// have a minute: the machine may be busy.
class Impatient final : public Http {
   public:
    Impatient(std::unique_ptr<Http> http, NameServer::Answer answer)
        : http_(std::move(http)), answer_(std::move(answer)) {}
    int attempts = 0;
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
        ++attempts;
        HttpRequest hurried = request;
        hurried.connect_timeout = answer_(attempts).empty() ? milliseconds(250) : seconds(60);
        return http_->send(hurried, std::move(stop));
    }

   private:
    std::unique_ptr<Http> http_;
    NameServer::Answer answer_;
};

/// A real name server, real curl and c-ares, a real TLS server; only the time between two attempts is played.
class LateNames : public ::testing::Test {
   protected:
    LateNames() { std::ofstream(folder_ / "ca.pem") << ca_.certificate; }

    void answer_names(NameServer::Answer answer) {
        names_ = std::make_unique<NameServer>(answer);
        http_ = std::make_unique<Impatient>(
            make_curl_http({.ca_file = (folder_ / "ca.pem").string(), .dns_servers = names_->address()}),
            std::move(answer));
        const std::string port = server_.url("").substr(server_.url("").rfind(':'));
        client_ = std::make_unique<AwsClient>(*http_, clock_, *credentials_,
                                              AwsClientOptions{.region = "eu-central-1",
                                                               .endpoints = {.url = "https://aws.test" + port},
                                                               .random = [] { return 0.5; }});
    }
    AwsCall call() const { return json_call("ssm", "AmazonSSM", "X", nlohmann::json::object()); }

    testing::TemporaryFolder folder_;
    testing::KeyPair ca_ = testing::make_ca("test CA");
    std::atomic<int> answered_{0};
    std::string value_ = R"({"Parameter":{"Value":"v"}})";
    bool cut_ = false;
    HttpsServer server_{
        {testing::make_certificate(ca_, {.common_name = "aws", .names = {"DNS:aws.test"}}), {}}, [this](const auto&) {
            ++answered_;
            return cut_ ? HttpsServer::Reply{.bytes = {}, .close = true} : HttpsServer::reply(200, value_);
        }};
    testing::ManualClock clock_;
    std::unique_ptr<CredentialSource> credentials_ = make_static_credentials({"AKID", Secret("key"), Secret(), {}});
    std::unique_ptr<NameServer> names_;
    std::unique_ptr<Impatient> http_;
    std::unique_ptr<AwsClient> client_;
};

TEST_F(LateNames, a_name_server_that_answers_late_delays_a_call_and_fails_none) {
    answer_names([](int question) { return question <= 3 ? "" : "127.0.0.1"; });
    const auto value = Ssm(*client_).get("/x");
    ASSERT_TRUE(value) << value.error().text();
    EXPECT_EQ((*value)->reveal(), "v");
    EXPECT_EQ(http_->attempts, 4);
}

TEST_F(LateNames, the_join_secret_is_looked_at_patiently_where_nobody_else_has_a_schedule) {
    answer_names([](int question) { return question <= 1 ? "" : "127.0.0.1"; });
    value_ = "{}";
    const auto store = make_ssm_join_store(*client_, "demo");
    EXPECT_EQ(store->fetch(Look::once).error().kind, ErrorKind::timeout);
    EXPECT_EQ(http_->attempts, 1);
    answer_names([](int question) { return question <= 1 ? "" : "127.0.0.1"; });
    const auto again = make_ssm_join_store(*client_, "demo");
    EXPECT_EQ(again->fetch(Look::patiently).error().kind, ErrorKind::corrupted);  // it came: "{}" has no value
    EXPECT_EQ(http_->attempts, 2);
}

TEST_F(LateNames, a_name_server_that_never_answers_ends_at_the_calls_deadline_and_says_so) {
    answer_names([](int) { return ""; });
    auto ask = call();
    ask.patience = seconds(30);
    const auto start = clock_.steady();
    const auto answer = client_->send_checked(ask);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::timeout);
    EXPECT_EQ(clock_.steady() - start, seconds(30));
    EXPECT_GE(http_->attempts, 5);
    EXPECT_NE(answer.error().text().find("esolving timed out"), std::string::npos) << answer.error().text();
    EXPECT_NE(answer.error().hint.find("/etc/resolv.conf"), std::string::npos) << answer.error().hint;
    EXPECT_EQ(answered_, 0);
}

TEST_F(LateNames, what_must_not_be_sent_twice_is_tried_again_while_nothing_of_it_has_left) {
    answer_names([](int question) -> std::string {
        if (question == 1) return "";           // no name
        if (question == 2) return "127.0.0.9";  // nobody listens there: refused
        return "127.0.0.1";
    });
    auto make_one = call();
    make_one.repeatable = false;
    const auto answer = client_->send_checked(make_one);
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(http_->attempts, 3);
    EXPECT_EQ(answered_, 1);
}

TEST_F(LateNames, what_must_not_be_sent_twice_is_not_once_it_has_left) {
    answer_names([](int) { return "127.0.0.1"; });
    cut_ = true;
    auto make_one = call();
    make_one.repeatable = false;
    const auto answer = client_->send_checked(make_one);
    ASSERT_FALSE(answer);
    EXPECT_FALSE(answer.error().unsent);
    EXPECT_EQ(http_->attempts, 1);
    EXPECT_EQ(answered_, 1);
}

}  // namespace
}  // namespace nodeboot
