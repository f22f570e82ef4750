#include "net/certificate.hpp"

#include <gtest/gtest.h>

#include "support/test_pki.hpp"

namespace nodeboot {
namespace {

constexpr std::string_view fixed_ca = R"(-----BEGIN CERTIFICATE-----
MIIBbzCCARSgAwIBAgIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAprdWJlcm5l
dGVzMCAXDTI2MTEyMzA0Mzg1MFoYDzIxMjYxMDMwMDQzODUwWjAVMRMwEQYDVQQD
DAprdWJlcm5ldGVzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6/8DCaPO92RQ
7/DngOMxMXRX1weWX95/XRdFDkYrZmNpqo54A4mYNxdUHub2t8HA3FtT9Vq0HUFv
gW+54SNASqNTMFEwHQYDVR0OBBYEFIA6da3kK9sQ6KIx1f/WkD7oTSPSMB8GA1Ud
IwQYMBaAFIA6da3kK9sQ6KIx1f/WkD7oTSPSMA8GA1UdEwEB/wQFMAMBAf8wCgYI
KoZIzj0EAwIDSQAwRgIhAJ1thptyM0KF3gXceXJMkL5b2QzPa0RDa6B3TG8vJw4k
AiEAycdnQp+ITZUu2go71tS/8gkdEbIpYoeJvwsoivw0iGM=
-----END CERTIFICATE-----
)";

TEST(Certificate, ca_hash_is_that_of_openssl) {
    // openssl x509 -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
    EXPECT_EQ(ca_hash(fixed_ca).value(), "sha256:eae686a4f5afe7f32fee2c8098287323949f07030fc31a8bb499ad43c8858f49");
    EXPECT_EQ(ca_hash("nothing").error().kind, ErrorKind::corrupted);
}

TEST(Certificate, subject_dates_and_names_are_read) {
    const auto fixed = parse_certificates(fixed_ca);
    ASSERT_TRUE(fixed);
    EXPECT_EQ(fixed->front().subject, "CN = kubernetes");
    EXPECT_EQ(format_rfc3339(fixed->front().not_before), "2026-11-23T04:38:50Z");
    EXPECT_EQ(format_rfc3339(fixed->front().not_after), "2126-10-30T04:38:50Z");
    EXPECT_TRUE(fixed->front().is_ca);

    const auto ca = testing::make_ca("ca");
    const auto leaf = testing::make_certificate(
        ca, {.common_name = "kube-apiserver", .names = {"DNS:kubernetes", "IP:10.96.0.1", "IP:::1"}});
    const auto both = parse_certificates(leaf.key + leaf.certificate + "comment\n" + ca.certificate);
    ASSERT_TRUE(both) << both.error().text();
    ASSERT_EQ(both->size(), 2u);
    EXPECT_EQ(both->front().dns_names, std::vector<std::string>{"kubernetes"});
    EXPECT_EQ(both->front().ip_addresses,
              (std::vector<std::string>{"10.96.0.1", "0000:0000:0000:0000:0000:0000:0000:0001"}));
    EXPECT_EQ(both->front().issuer, "CN = ca");
    EXPECT_FALSE(both->front().is_ca);
}

TEST(Certificate, a_cut_off_certificate_is_corrupted) {
    EXPECT_EQ(parse_certificates(fixed_ca.substr(0, 300)).error().kind, ErrorKind::corrupted);
    EXPECT_EQ(parse_certificates("").error().kind, ErrorKind::corrupted);
    std::string flipped(fixed_ca);
    flipped[200] = flipped[200] == 'A' ? 'B' : 'A';
    flipped.insert(300, "!");
    EXPECT_EQ(parse_certificates(flipped).error().kind, ErrorKind::corrupted);
}

}  // namespace
}  // namespace nodeboot
