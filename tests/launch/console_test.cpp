#include "launch/console.hpp"

#include <gtest/gtest.h>

namespace nodeboot {
namespace {

using State = NodeConsole::State;

constexpr std::string_view boot =
    "[    0.000000] Linux version 6.8.0\r\n"
    "nodeboot: 2026-11-23T04:19:50Z install-retry url=https://x error='no route'\r\n"
    "[   12.301] cloud-init[412]: nodeboot: 2026-11-23T04:19:58Z installed sha256=ab\r\n"
    "nodeboot: 2026-11-23T04:20:00Z run began command=\"node up\" version=0.1.0\r\n";

std::string with(std::string_view more) { return std::string(boot) + std::string(more); }

struct Case {
    const char* name;
    std::string text;
    State state;
    std::string doing;
};

TEST(Console, says_how_far_a_node_is) {
    const Case cases[] = {
        {"nothing yet", "[    0.000000] Linux version 6.8.0\n", State::silent, ""},
        {"somebody else's line", "systemd: nodeboot: 3 changes\nnodeboot: hello\n", State::silent, ""},
        {"being installed", std::string(boot.substr(0, boot.find("[   12.301]"))), State::installing,
         "install-retry url=https://x error='no route'"},
        {"installed behind another's text", std::string(boot.substr(0, boot.find("nodeboot: 2026-11-23T04:20:00Z"))),
         State::installing, "installed sha256=ab"},
        {"began", std::string(boot), State::running, "began"},
        {"a phase changed",
         with("nodeboot: 2026-11-23T04:20:12Z phase=containerd outcome=changed changes=3 took=4.2s\r\n"),
         State::running, "containerd: 3 changes, 4.2s"},
        {"ready", with("nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\r\n"),
         State::ready, "Ready after 1m13s"},
        {"a torn last line", with("nodeboot: 2026-11-23T04:21:13Z run outc"), State::running, "began"},
        {"a torn time", with("nodeboot: 2026-11-23T04:2"), State::running, "began"},
        {"rebooted since",
         with("nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\r\n"
              "nodeboot: 2026-11-24T04:20:00Z run began command=\"node up\" version=0.1.0\r\n"),
         State::running, "began"},
    };
    for (const auto& [name, text, state, doing] : cases) {
        const auto console = read_console(text);
        EXPECT_EQ(to_string(console.state), to_string(state)) << name;
        EXPECT_EQ(console.doing, doing) << name;
    }
    EXPECT_EQ(read_console(boot).at, "2026-11-23T04:20:00Z");
}

TEST(Console, a_failed_run_is_explained_by_the_phase_that_failed_first) {
    const auto console =
        read_console(with("nodeboot: 2026-11-23T04:21:12Z phase=images failed kind=timeout message=\"pull "
                          "\\\"pause:3.10\\\": no answer\" "
                          "hint=\"is there a way out?\" took=60.0s\r\n"
                          "nodeboot: 2026-11-23T04:21:13Z phase=kubelet failed kind=i/o message=\"later\" took=1.0s\r\n"
                          "nodeboot: 2026-11-23T04:21:14Z run outcome=failed phases_changed=7 took=1m13s\r\n"));
    EXPECT_EQ(console.state, State::failed);
    EXPECT_EQ(console.error.kind, ErrorKind::timeout);
    EXPECT_EQ(console.error.message, "images: pull \"pause:3.10\": no answer");
    EXPECT_EQ(console.error.hint, "is there a way out?");
}

TEST(Console, what_no_rerun_can_help_is_refused) {
    for (const auto& [text, kind] :
         {std::pair("run failed kind=invalid-input message=\"/etc/nodeboot/config.toml:3:1: bad\"",
                    ErrorKind::invalid_input),
          std::pair("install-failed reason=sha256-mismatch url=https://x expected=a got=b", ErrorKind::corrupted)}) {
        const auto console = read_console(with("nodeboot: 2026-11-23T04:21:14Z " + std::string(text) + "\r\n"));
        EXPECT_EQ(console.state, State::refused) << text;
        EXPECT_EQ(console.error.kind, kind) << text;
    }
    EXPECT_EQ(
        read_console(with("nodeboot: 2026-11-23T04:21:14Z run failed kind=unavailable message=\"SSM\"\r\n")).state,
        State::failed);
}

TEST(Console, a_later_run_starts_afresh) {
    const auto console = read_console(
        with("nodeboot: 2026-11-23T04:21:12Z phase=images failed kind=timeout message=\"no answer\" took=60.0s\r\n"
             "nodeboot: 2026-11-23T04:21:14Z run outcome=failed phases_changed=7 took=1m13s\r\n"
             "nodeboot: 2026-11-23T04:21:44Z run began command=\"node up\" version=0.1.0\r\n"
             "nodeboot: 2026-11-23T04:22:44Z run outcome=ready phases_changed=2 took=1m0s\r\n"));
    EXPECT_EQ(console.state, State::ready);
    EXPECT_TRUE(console.error.message.empty());
}

TEST(Console, damaged_text_is_no_trouble) {
    const std::string whole =
        with("nodeboot: 2026-11-23T04:21:12Z phase=a failed kind=timeout message=\"x \\\" y\" took=1s\r\n");
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        static_cast<void>(read_console(std::string_view(whole).substr(0, cut)));
        static_cast<void>(read_console(std::string_view(whole).substr(cut)));
    }
    EXPECT_EQ(record_value("a=1 b=\"2 \\\\ 3\" c=", "b"), "2 \\ 3");
    EXPECT_EQ(record_value("a=1 c=", "c"), "");
    EXPECT_EQ(record_value("a=1 c", "c"), std::nullopt);
    EXPECT_EQ(record_value("xa=1", "a"), std::nullopt);
}

TEST(NodeConsole, a_record_that_was_torn_off_after_its_first_word_is_read) {
    const auto console = read_console("nodeboot: 2026-11-23T04:20:00Z install-failed");
    EXPECT_EQ(console.state, NodeConsole::State::failed);
}

}  // namespace
}  // namespace nodeboot
