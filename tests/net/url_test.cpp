#include "net/url.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

TEST(Url, is_taken_apart) {
    const auto url = parse_url("HTTPS://Api.Example.com:6443/a/b%20c?x=1&y#frag");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->scheme, "https");
    EXPECT_EQ(url->host, "api.example.com");
    EXPECT_EQ(url->port, 6443u);
    EXPECT_EQ(url->path, "/a/b%20c");
    EXPECT_EQ(url->query, "x=1&y");
    EXPECT_EQ(url->text(), "https://api.example.com:6443/a/b%20c?x=1&y");
    EXPECT_EQ(parse_url("http://h?q")->path, "/");
    EXPECT_EQ(parse_url("https://h:443")->authority(), "h");
    EXPECT_EQ(parse_url("https://[::1]:8443/")->authority(), "[::1]:8443");
    EXPECT_EQ(parse_url("https://[FE80::1%25eth0]/")->host, "fe80::1%25eth0");
}

TEST(Url, what_is_no_usable_url_is_refused_with_the_reason) {
    for (const auto* text :
         {"", "host/path", "ftp://host/", "https://", "https:///x", "https://h:0/", "https://h:99999/", "https://h:x/",
          "https://h:/", "https://user:pw@h/", "https://h/a b", "https://h/\n", "https://[::1/", "https://[[[fe/",
          "https://[abc]/", "https://[::1]x80/", "https://[::1%25]/", "https://a,b/", "https://ä.example/"}) {
        const auto url = parse_url(text);
        ASSERT_FALSE(url) << text;
        EXPECT_EQ(url.error().kind, ErrorKind::invalid_input);
        EXPECT_EQ(url.error().text().find("pw"), std::string::npos);
    }
}

TEST(Url, is_printed_without_credentials_and_secret_parameters) {
    const std::vector<std::pair<std::string, std::string>> table{
        {"https://user:pw@host/x", "https://host/x"},
        {"https://user:p@w@host/x", "https://host/x"},
        {"https://h/x?fieldManager=nodeboot&force=true", "https://h/x?fieldManager=nodeboot&force=true"},
        {"https://h/x?X-Amz-Signature=abc&a=1&X-Amz-Security-Token=t",
         "https://h/x?X-Amz-Signature=…&a=1&X-Amz-Security-Token=…"},
        {"https://h/x?Token=abc&password=x&secret", "https://h/x?Token=…&password=…&secret"},
        {"no url at all", "no url at all"},
        {"https://h/path@with:at", "https://h/path@with:at"},
    };
    for (const auto& [text, printed] : table) EXPECT_EQ(printable_url(text), printed);
}

TEST(Url, only_this_machine_and_link_local_count_as_near) {
    for (const auto* host : {"localhost", "127.0.0.1", "127.1.2.3", "169.254.169.254", "::1", "fe80::1"})
        EXPECT_TRUE(loopback_or_link_local(host)) << host;
    for (const auto* host : {"10.0.0.1", "192.168.1.1", "128.0.0.1", "169.253.0.1", "fe80.example.com",
                             "localhost.example.com", "feed.example.com", "example.com", "fd00::1"})
        EXPECT_FALSE(loopback_or_link_local(host)) << host;
}

}  // namespace
}  // namespace nodeboot
