#include <gtest/gtest.h>

#include "launch/console.hpp"
#include "launch/ssh_key.hpp"
#include "support/mutator.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;

TEST(FuzzLaunch, a_console_of_torn_lines_is_a_state_of_the_node) {
    fuzz({"[    1.0] Linux\r\nnodeboot: 2026-11-23T04:20:00Z run began command=\"node up\" version=0.1.0\r\n"
          "x nodeboot: 2026-11-23T04:20:12Z phase=containerd outcome=changed changes=3 took=4.2s\n"
          "nodeboot: 2026-11-23T04:20:13Z phase=dns failed kind=timeout message=\"a \\\"b\\\"\" hint=\"c\"\n"
          "nodeboot: 2026-11-23T04:20:14Z run outcome=failed took=9s\n",
          "nodeboot: 2026-11-23T04:20:14Z run outcome=ready took=9s\n", "nodeboot: 2026-11-23T04:20:14Z install-failed",
          "nodeboot: 2026-11-23T04:20:14Z install-failed reason=sha256-mismatch\nnodeboot: 2026-11-23T04:20:14Z "
          "install\n"},
         6000, [](const std::string& text) {
             const auto console = read_console(text);
             EXPECT_NE(to_string(console.state), "?");
             record_value(text, "message");
         });
}

TEST(FuzzLaunch, a_public_key_is_one_that_ec2_takes_or_refused) {
    fuzz({"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFcHqYkY1zj0zHcE8cWQ1jTQ1b4LJmP1m6pW3o8T2V0a me@host\n",
          "ssh-rsa AAAA x", "-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim\n"},
         3000, [](const std::string& text) {
             const auto key = parse_ssh_public_key(text);
             if (key) {
                 EXPECT_EQ(key->line().find('\n'), std::string::npos);
             } else if (text.find("PRIVATE KEY") != std::string::npos) {
                 EXPECT_EQ(key.error().text().find("geheim"), std::string::npos);
             }
         });
}

}  // namespace
}  // namespace nodeboot
