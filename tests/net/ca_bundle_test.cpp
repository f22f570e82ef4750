#include "net/ca_bundle.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>

#include "net/http.hpp"
#include "support/https_server.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

using testing::KeyPair;
using testing::make_ca;
using testing::make_certificate;

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate certificate_of(const KeyPair& pair) {
    BIO* in = BIO_new_mem_buf(pair.certificate.data(), static_cast<int>(pair.certificate.size()));
    Certificate certificate(PEM_read_bio_X509(in, nullptr, nullptr, nullptr), X509_free);
    BIO_free(in);
    return certificate;
}

/// What OpenSSL says of a server's certificate, and of those that the server sent with it.
int verdict(SSL_CTX* context, const KeyPair& server, const std::vector<KeyPair>& sent = {}) {
    const auto certificate = certificate_of(server);
    STACK_OF(X509)* others = sk_X509_new_null();
    for (const auto& pair : sent) sk_X509_push(others, certificate_of(pair).release());
    X509_STORE_CTX* check = X509_STORE_CTX_new();
    X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context), certificate.get(), others);
    X509_verify_cert(check);
    const int said = X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    sk_X509_pop_free(others, X509_free);
    return said;
}

class CaBundle : public ::testing::Test {
   protected:
    /// A context that trusts a file of this text.
    Result<void> trust(const std::string& text) {
        folder_.put("ca.pem", text);
        return trust_bundle(context_.get(), file_);
    }
    int authorities_in_memory() const {
        return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context_.get())));
    }

    testing::TemporaryFolder folder_;
    std::string file_ = folder_.path() / "ca.pem";
    Context context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
};

TEST_F(CaBundle, each_of_its_authorities_is_trusted_and_only_the_needed_one_is_loaded) {
    std::vector<KeyPair> authorities;
    std::string text = "# A comment.\n";
    for (int i = 0; i < 20; ++i) {
        authorities.push_back(make_ca("authority " + std::to_string(i)));
        text += "\nauthority " + std::to_string(i) + "\n=====\n" + authorities.back().certificate;
    }
    ASSERT_TRUE(trust(text));
    int loaded = 0;
    for (const int i : {7, 0, 19}) {
        const auto& authority = authorities[static_cast<std::size_t>(i)];
        EXPECT_EQ(verdict(context_.get(), make_certificate(authority, {.common_name = "server"})), X509_V_OK) << i;
        EXPECT_EQ(authorities_in_memory(), ++loaded);
    }
    EXPECT_EQ(verdict(context_.get(), make_certificate(authorities[7], {.common_name = "again"})), X509_V_OK);
    EXPECT_EQ(authorities_in_memory(), loaded);
}

TEST_F(CaBundle, an_authority_that_is_not_in_it_is_refused_even_by_the_same_name) {
    const auto ours = make_ca("authority"), other = make_ca("authority"), stranger = make_ca("stranger");
    ASSERT_TRUE(trust(ours.certificate));
    EXPECT_EQ(verdict(context_.get(), make_certificate(stranger, {.common_name = "server"})),
              X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    EXPECT_EQ(verdict(context_.get(), make_certificate(other, {.common_name = "server"})),
              X509_V_ERR_CERT_SIGNATURE_FAILURE);
    EXPECT_EQ(verdict(context_.get(), stranger), X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
    EXPECT_EQ(verdict(context_.get(), make_certificate(ours, {.common_name = "server"})), X509_V_OK);
}

TEST_F(CaBundle, a_chain_over_what_the_server_sent_ends_at_its_authority) {
    const auto root = make_ca("root");
    const auto between = make_certificate(root, {.common_name = "between", .is_authority = true});
    const auto server = make_certificate(between, {.common_name = "server"});
    ASSERT_TRUE(trust(make_ca("other").certificate + root.certificate));
    EXPECT_EQ(verdict(context_.get(), server, {between}), X509_V_OK);
    EXPECT_EQ(verdict(context_.get(), server), X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    const auto no_authority = make_certificate(root, {.common_name = "not between"});
    EXPECT_NE(verdict(context_.get(), make_certificate(no_authority, {.common_name = "server"}), {no_authority}),
              X509_V_OK);
}

// OpenSSL compares names without regard to case and blanks, and so do its lookups.
TEST_F(CaBundle, an_authority_is_found_by_its_name_in_other_letters) {
    auto root = make_ca("The  Authority");
    ASSERT_TRUE(trust(root.certificate));
    const auto server = certificate_of(make_certificate(root, {.common_name = "server"}));
    X509_NAME* name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("the authority"), -1,
                               -1, 0);
    X509_STORE_CTX* look = X509_STORE_CTX_new();
    X509_STORE_CTX_init(look, SSL_CTX_get_cert_store(context_.get()), server.get(), nullptr);
    X509_OBJECT* found = X509_STORE_CTX_get_obj_by_subject(look, X509_LU_X509, name);
    EXPECT_NE(found, nullptr);
    X509_OBJECT_free(found);
    X509_STORE_CTX_free(look);
    X509_NAME_free(name);
}

TEST_F(CaBundle, both_keys_of_an_authority_that_changed_its_key_are_trusted) {
    const auto before = make_ca("authority"), after = make_ca("authority");
    ASSERT_TRUE(trust(before.certificate + after.certificate));
    // Without an identifier of its key in the certificate OpenSSL tries the first whose dates fit.
    const auto loaded = make_certificate(before, {.common_name = "server"});
    EXPECT_EQ(verdict(context_.get(), loaded), X509_V_OK);
    EXPECT_EQ(authorities_in_memory(), 2);
}

TEST_F(CaBundle, what_else_a_file_holds_does_not_matter) {
    const auto ours = make_ca("authority");
    std::string text = ours.key + "not PEM\r\n" + ours.certificate;
    ASSERT_TRUE(trust(text + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"));
    EXPECT_EQ(verdict(context_.get(), make_certificate(ours, {.common_name = "server"})), X509_V_OK);
}

TEST_F(CaBundle, one_that_is_absent_empty_or_damaged_is_refused_and_named) {
    const auto absent = trust_bundle(context_.get(), "/absent/ca.pem");
    ASSERT_FALSE(absent);
    EXPECT_EQ(absent.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(absent.error().text(), "cannot read the CA bundle /absent/ca.pem: No such file or directory");
    const auto good = make_ca("authority").certificate;
    const auto other = make_certificate(make_ca("x"), {.common_name = "x"});
    ERR_clear_error();
    EXPECT_EQ(trust("").error().text(), "the CA bundle " + file_ + " has no certificate in it");
    EXPECT_EQ(trust(other.key).error().text(), "the CA bundle " + file_ + " has no certificate in it");
    for (const auto& damaged : {good + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
                                good + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                good + good.substr(0, good.size() / 2)})
        EXPECT_EQ(trust(damaged).error().text(), "the CA bundle " + file_ + " is damaged") << damaged;
    EXPECT_EQ(ERR_peek_error(), 0U) << "left for the connection to stumble over";
}

TEST_F(CaBundle, a_request_trusts_the_bundle_as_it_is_when_it_connects) {
    const auto ours = make_ca("ours");
    const auto identity = make_certificate(ours, {.common_name = "server", .names = {"IP:127.0.0.1"}});
    testing::HttpsServer server({.identity = identity, .client_ca = {}},
                                [](const auto&) { return testing::HttpsServer::reply(200, "x"); });
    const auto http = make_curl_http({.ca_file = file_});
    HttpRequest ask;
    ask.url = server.url();
    folder_.put("ca.pem", make_ca("another").certificate);
    const auto refused = http->send(ask);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::refused) << refused.error().text();
    folder_.put("ca.pem", "nothing");
    const auto unreadable = http->send(ask);
    ASSERT_FALSE(unreadable);
    EXPECT_EQ(unreadable.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(unreadable.error().text().find("the CA bundle " + file_ + " has no certificate in it"), std::string::npos)
        << unreadable.error().text();
    folder_.put("ca.pem", make_ca("another").certificate + ours.certificate);
    const auto answer = http->send(ask);
    EXPECT_TRUE(answer) << answer.error().text();
}

}  // namespace
}  // namespace nodeboot
