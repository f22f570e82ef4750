// What AWS, metadata services, API servers and files of others may send, damaged: parsers of net/ answer with values
// that keep their promises, or with an error.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "net/aws_client.hpp"
#include "net/bootstrap_token.hpp"
#include "net/certificate.hpp"
#include "net/credentials.hpp"
#include "net/imds.hpp"
#include "net/join_store.hpp"
#include "net/kubeconfig.hpp"
#include "net/query_api.hpp"
#include "net/redirect.hpp"
#include "net/s3.hpp"
#include "net/ssm.hpp"
#include "net/url.hpp"
#include "net/xml.hpp"
#include "support/fake_http.hpp"
#include "support/manual_clock.hpp"
#include "support/mutator.hpp"
#include "support/test_pki.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;

const std::vector<std::string> xml_examples{
    R"(<?xml version="1.0" encoding="UTF-8"?><DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock><tagSet><item><key>a</key><value>b &amp; c</value></item></tagSet></item></vpcSet><nextToken>t</nextToken></DescribeVpcsResponse>)",
    R"(<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slow &#x41;</Message></Error></Errors><RequestID>q</RequestID></Response>)",
    R"(<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>x</Message></Error><RequestId>z</RequestId></ErrorResponse>)",
    R"(<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>)",
    R"(<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>n</NextContinuationToken><Contents><Key>k</Key><Size>12</Size></Contents></ListBucketResult>)",
};

TEST(FuzzNet, xml_is_a_tree_of_bounded_depth_or_an_error) {
    fuzz(xml_examples, 4000, [](const std::string& text) {
        const auto xml = parse_xml(text);
        if (!xml) {
            EXPECT_EQ(xml.error().kind, ErrorKind::corrupted);
            return;
        }
        EXPECT_FALSE(xml->name.empty());
        int depth = 0;
        for (const Xml* at = &*xml; at != nullptr; at = at->children.empty() ? nullptr : &at->children.front()) ++depth;
        EXPECT_LE(depth, 64);
        xml->text_at("vpcSet/item/tagSet/item/value");
        xml->all("vpcSet/item");
    });
}

TEST(FuzzNet, faults_of_every_kind_of_answer_have_a_code) {
    auto examples = xml_examples;
    examples.push_back(R"({"__type":"com.amazonaws.ssm#ParameterNotFound:http://x","message":"m"})");
    examples.push_back("<html>502</html>");
    fuzz(examples, 3000, [](const std::string& text) {
        for (const auto& fault : {parse_xml_fault({.status = 400, .headers = {}, .body = text}),
                                  parse_json_fault({.status = 503, .headers = {}, .body = text})}) {
            EXPECT_FALSE(fault_error("ssm GetParameter", fault).text().empty());
            classify(fault);
        }
    });
    fuzz({"com.amazonaws#Code:http://a", "ThrottlingException"}, 2000, [](const std::string& text) {
        parse_json_fault({.status = 400, .headers = {{"x-amzn-errortype", text}}, .body = "{}"});
    });
}

TEST(FuzzNet, dates_and_delays_of_headers_are_in_bounds_or_not_believed) {
    fuzz({"Mon, 23 Nov 2026 02:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"}, 4000, [](const std::string& text) {
        const auto time = server_time({.status = 200, .headers = {{"date", text}}, .body = {}});
        if (!time) return;
        EXPECT_GT(time->time_since_epoch(), Duration::zero()) << text;
        EXPECT_LT(time->time_since_epoch(), std::chrono::hours(24 * 366 * 230)) << text;
    });
    fuzz({"33", "1500", "Mon, 23 Nov 2026 02:00:00 GMT"}, 3000, [](const std::string& text) {
        for (const auto* name : {"retry-after", "x-amz-retry-after"}) {
            const auto delay = asked_delay({.status = 503, .headers = {{name, text}}, .body = {}});
            if (!delay) continue;
            EXPECT_GE(*delay, Duration::zero());
            EXPECT_LE(*delay, std::chrono::minutes(5));
        }
    });
}

/// Whatever the service answers with 200.
template <class Ask>
void fuzz_answers(const std::vector<std::string>& examples, int rounds, Ask ask) {
    fuzz(examples, rounds, [&](const std::string& text) {
        testing::FakeHttp http;
        testing::ManualClock clock;
        auto credentials = make_static_credentials({"AKID", Secret("key"), Secret(), {}});
        AwsClient client(http, clock, *credentials, {.region = "eu-central-1", .random = [] { return 0.5; }});
        for (int i = 0; i < 40; ++i) http.then(200, text);
        ask(client);
    });
}

TEST(FuzzNet, answers_of_ssm_ec2_and_s3_are_results_or_errors) {
    fuzz_answers({R"({"Parameter":{"Name":"/x","Type":"SecureString","Value":"v"}})",
                  R"({"Parameters":[{"Name":"/a"},{"Name":"/b"}],"NextToken":"t"})"},
                 1500, [](AwsClient& client) {
                     Ssm ssm(client);
                     ssm.get("/x").has_value();
                     // A service that leads in circles: the script ends it, a loop of ours would not.
                     ssm.names_below("/x").has_value();
                 });
    fuzz_answers(xml_examples, 800, [](AwsClient& client) {
        const auto api = make_query_api(client);
        pages(*api, "ec2", "DescribeVpcs", {}, "vpcSet/item", {.patience = std::chrono::seconds(2)}).has_value();
        const auto s3 = make_s3(client, {});
        s3->list("bucket", "p").has_value();
        s3->bucket_tags("bucket").has_value();
    });
}

TEST(FuzzNet, a_roles_credentials_are_whole_or_refused_and_never_quoted) {
    fuzz(
        {R"({"Code":"Success","LastUpdated":"2026-11-28T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIA","SecretAccessKey":"geheim/geheim","Token":"tok","Expiration":"2026-11-28T06:00:00Z"})",
         R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"m"})"},
        4000, [](const std::string& text) {
            const auto credentials = parse_role_credentials(text);
            if (credentials) {
                EXPECT_TRUE(credentials->expires.has_value());
                return;
            }
            EXPECT_EQ(credentials.error().text().find("geheim"), std::string::npos);
        });
}

TEST(FuzzNet, aws_files_are_read_by_the_rules_of_ini_whatever_is_in_them) {
    fuzz({"[default]\naws_access_key_id = AKIA\naws_secret_access_key=s\n\n[profile x]\nregion = eu-central-1\ns3 =\n  "
          "max = 3\n# c\n; d\ncredential_process = \"/a b/c\" --d 'e f'\n"},
         4000, [](const std::string& text) {
             for (const auto& [section, settings] : parse_aws_ini(text))
                 for (const auto& [key, value] : settings) {
                     EXPECT_FALSE(key.empty());
                     EXPECT_EQ(key.find_first_of("\n=["), key.find('['));
                     EXPECT_EQ(value.find('\n'), std::string::npos);
                 }
             CredentialOptions options;
             options.environment = [](const std::string& name) {
                 return name == "HOME" ? std::optional<std::string>("/root") : std::nullopt;
             };
             options.read_file = [&](const std::string&) -> Result<std::optional<std::string>> {
                 return std::optional(text);
             };
             options.run_program = [](const std::vector<std::string>& argv) -> Result<Secret> {
                 EXPECT_FALSE(argv.size() > 100000);
                 return Secret("{}");
             };
             testing::ManualClock clock;
             for (const auto* profile : {"default", "x"}) {
                 options.profile = profile;
                 make_credential_chain(clock, options)->get().has_value();
             }
         });
}

TEST(FuzzNet, a_join_secret_pins_a_ca_or_is_refused) {
    fuzz({R"({"format":1,"endpoint":"10.0.0.10:6443","token":"abcdef.geheimgeheimgehe","ca_cert_hashes":["sha256:)" +
          std::string(64, 'a') + R"("],"expires":"2026-11-28T06:00:00Z","kubernetes_version":"v1.35.2"})"},
         4000, [](const std::string& text) {
             const auto secret = parse_join_secret(Secret(text));
             if (!secret) {
                 EXPECT_EQ(secret.error().text().find("geheim"), std::string::npos) << secret.error().text();
                 return;
             }
             EXPECT_FALSE(secret->ca_cert_hashes.empty());
             for (const auto& hash : secret->ca_cert_hashes) EXPECT_EQ(hash.size(), 71U);
             EXPECT_TRUE(parse_bootstrap_token(secret->token));
             EXPECT_TRUE(parse_join_secret(serialise(*secret)));
         });
}

TEST(FuzzNet, kubeconfigs_are_over_tls_or_refused) {
    const auto ca = testing::make_ca("ca");
    const auto user = testing::make_certificate(ca, {.common_name = "u"});
    const std::string text =
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: https://10.0.0.1:6443\n"
        "    certificate-authority-data: " +
        base64_encode(ca.certificate) +
        "\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\ncurrent-context: x\nusers:\n- name: u\n"
        "  user:\n    client-certificate-data: " +
        base64_encode(user.certificate) + "\n    client-key-data: " + base64_encode(user.key) + "\n";
    const ReadFile nothing = [](const std::string&) -> Result<std::optional<std::string>> {
        return std::optional<std::string>{};
    };
    fuzz({text,
          "apiVersion: v1\nclusters:\n- cluster:\n    server: https://a:1\n    insecure-skip-tls-verify: true\n  name: "
          "''\n"},
         800, [&](const std::string& damaged) {
             for (const auto& config : {parse_kubeconfig(damaged, nothing, "/etc/kubernetes/admin.conf"),
                                        parse_cluster_only_kubeconfig(damaged, nothing, "cluster-info")})
                 if (config) {
                     EXPECT_TRUE(config->server.starts_with("https://")) << config->server;
                 }
         });
}

TEST(FuzzNet, cluster_info_is_believed_only_with_its_signature) {
    const std::string info =
        R"({"data":{"kubeconfig":"apiVersion: v1\n","jws-kubeconfig-abcdef":"eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9..c2ln"}})";
    const auto token = parse_bootstrap_token(Secret("abcdef.0123456789abcdef")).value();
    fuzz({info}, 4000, [&](const std::string& text) {
        const auto json = nlohmann::json::parse(text, nullptr, false);
        if (json.is_discarded()) return;
        const auto parsed = parse_cluster_info(json);
        if (parsed) {
            EXPECT_FALSE(verify_cluster_info(*parsed, token));
        }
    });
    fuzz({"abcdef.0123456789abcdef"}, 4000, [](const std::string& text) {
        const auto parsed = parse_bootstrap_token(Secret(text));
        if (parsed) {
            EXPECT_EQ(parsed->text().reveal().size(), 23U);
        }
    });
}

TEST(FuzzNet, certificates_are_read_or_refused) {
    const auto ca = testing::make_ca("ca");
    fuzz({ca.certificate, ca.certificate + ca.certificate}, 1500, [](const std::string& text) {
        const auto found = parse_certificates(text);
        if (found) {
            EXPECT_FALSE(found->empty());
        }
    });
}

TEST(FuzzNet, urls_that_parse_say_the_same_again_and_print_no_password) {
    fuzz({"https://user:geheim@example.com:8443/a/b?X-Amz-Signature=geheim&x=1#f", "http://[fe80::1]:80/", "https://h",
          "https://a.example/%2e%2e/?token=geheim"},
         6000, [](const std::string& text) {
             const auto url = parse_url(text);
             if (!url) return;
             EXPECT_FALSE(url->host.empty());
             EXPECT_TRUE(url->path.starts_with("/"));
             EXPECT_LE(url->port, 65535U);
             const auto again = parse_url(url->text());
             ASSERT_TRUE(again) << url->text();
             EXPECT_EQ(again->text(), url->text());
             loopback_or_link_local(url->host);
             printable_url(text);
             redirected("https://a.example/b/c", {.status = 302, .headers = {{"location", text}}, .body = {}})
                 .has_value();
         });
    fuzz({"https://example.com/other", "/rooted", "next/door", "//example.org/x", "http://plain.example/"}, 4000,
         [](const std::string& text) {
             const auto next =
                 redirected("https://a.example/b/c", {.status = 302, .headers = {{"location", text}}, .body = {}});
             if (next && *next) {
                 EXPECT_TRUE((*next)->starts_with("https://")) << **next;
             }
         });
}

TEST(FuzzNet, a_request_is_signed_in_a_form_that_holds_no_byte_that_would_need_encoding) {
    fuzz({"https://ssm.eu-central-1.amazonaws.com/",
          "https://b.s3.eu-central-1.amazonaws.com/a%20b/c?list-type=2&prefix=x%2Fy",
          "https://h/a//b/../c/./d?b=2&a=1&a=0&=&c"},
         4000, [](const std::string& url) {
             for (const bool as_is : {false, true}) {
                 HttpRequest request;
                 request.url = url;
                 const auto signed_it = sign_v4(request, {"AKID", Secret("key"), Secret(), {}},
                                                {.region = "eu-central-1", .service = "s3", .path_as_is = as_is});
                 if (!signed_it) continue;
                 const auto header = testing::header_of(request, "Authorization");
                 EXPECT_TRUE(header.starts_with("AWS4-HMAC-SHA256 Credential=AKID/")) << header;
                 EXPECT_EQ(header.find('\n'), std::string::npos);
                 EXPECT_EQ(header.substr(header.rfind('=') + 1).size(), 64U);
                 EXPECT_EQ(request.url, url);
             }
         });
}

}  // namespace
}  // namespace nodeboot
