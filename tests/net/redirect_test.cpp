#include "net/redirect.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

Result<std::optional<std::string>> sent_on(const std::string& location, int status = 302) {
    return redirected("https://h:8443/a/b?c=d", {.status = status, .headers = {{"location", location}}, .body = {}});
}

TEST(Redirect, location_may_be_relative_to_scheme_host_folder_or_file) {
    const std::vector<std::pair<std::string, std::string>> table{
        {"https://other/x", "https://other/x"},
        {"//other/x", "https://other/x"},
        {"/x", "https://h:8443/x"},
        {"x", "https://h:8443/a/x"},
        {"?e=f", "https://h:8443/a/b?e=f"},
        {"login?next=https://other/", "https://h:8443/a/login?next=https://other/"},
    };
    for (const auto& [location, next] : table) EXPECT_EQ(sent_on(location).value().value_or("none"), next) << location;
}

TEST(Redirect, only_redirects_with_a_place_send_on_and_none_leaves_https) {
    EXPECT_FALSE(sent_on("https://other/", 200).value());
    EXPECT_FALSE(redirected("https://h/", {.status = 302, .headers = {}, .body = {}}).value());
    EXPECT_EQ(sent_on("http://other/").error().kind, ErrorKind::refused);
    EXPECT_EQ(sent_on("ftp://other/").error().kind, ErrorKind::invalid_input);
}

}  // namespace
}  // namespace nodeboot
