#include "system/apt.hpp"

#include <gtest/gtest.h>

#include "support/fake_services.hpp"

namespace nodeboot::testing {
namespace {

using Lines = std::vector<std::string>;

constexpr auto kStatus =
    "Package: runc\nStatus: install ok installed\nPriority: optional\nVersion: 1.1.5+ds1-1\n\n"
    "Package: kubelet\nStatus: hold ok installed\nVersion: 1.36.1-1.1\nDescription: Node Agent\n Status: no field\n\n"
    "Package: containerd\nStatus: install ok half-configured\nVersion: 1.6.20\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    "Package: broken\nStatus: install reinstreq half-installed\nVersion: 2\n";

class Apt : public ::testing::Test {
   protected:
    Apt() {
        node.host.put("/var/lib/apt/lists/deb_dists_bookworm_main_Packages", "");
        node.host.programs["apt-get install"] = [this](const Command&) { return next(); };
        node.host.programs["apt-get update"] = [](const Command&) { return CommandOutput{}; };
        node.host.programs["dpkg --configure"] = [](const Command&) { return CommandOutput{}; };
    }
    CommandOutput next() {
        if (answers.empty()) return {};
        auto said = answers.front();
        answers.erase(answers.begin());
        return said.empty() ? CommandOutput{} : CommandOutput{100, "", said};
    }
    /// The programs that ran, first two words each.
    Lines install(InstallRequest request) {
        auto step = node.step();
        ActionContext context{node.host, step};
        result = perform(install_packages(std::move(request)), context);
        Lines ran;
        for (const auto& line : node.host.log)
            ran.push_back(line.substr(4, line.find(' ', 4 + line.substr(4).find(' ') + 1) - 4));
        return ran;
    }
    FakeNode node;
    Lines answers;
    Result<void> result;
};

TEST(DpkgStatus, knows_what_works_what_is_held_and_what_was_interrupted) {
    const DpkgStatus status{kStatus};
    EXPECT_TRUE(status.find("runc").installed);
    EXPECT_EQ(status.find("runc").version, "1.1.5+ds1-1");
    EXPECT_TRUE(status.find("kubelet").held);
    EXPECT_FALSE(status.find("containerd").installed);
    EXPECT_EQ(status.find("containerd").version, "1.6.20");
    EXPECT_EQ(status.find("gone").version, "");
    EXPECT_EQ(status.find("run").version, "");
    EXPECT_EQ(status.unfinished(), (Lines{"containerd", "broken"}));
    EXPECT_TRUE(DpkgStatus("").unfinished().empty());
}

TEST(AptFailures, are_told_apart) {
    const std::pair<const char*, AptFailure> table[] = {
        {"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)", AptFailure::locked},
        {"dpkg: error: dpkg frontend lock was locked by another process with pid 812", AptFailure::locked},
        {"E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.",
         AptFailure::interrupted},
        {"E: Unable to locate package kubelet", AptFailure::stale_lists},
        {"E: Failed to fetch http://x/c.deb  404  Not Found [IP: 1.2.3.4 80]", AptFailure::stale_lists},
        {"E: Version '9' for 'kubelet' was not found", AptFailure::stale_lists},
        {"E: Failed to fetch http://x/c.deb  Temporary failure resolving 'x'", AptFailure::network},
        {"E: Failed to fetch http://x/c.deb  Could not connect to x:80 (1.2.3.4), connection timed out",
         AptFailure::network},
        {"dpkg: error: failed to write: No space left on device", AptFailure::disk_full},
        {"E: You don't have enough free space in /var/cache/apt/archives/.", AptFailure::disk_full},
        {"E: Sub-process /usr/bin/dpkg returned an error code (1)", AptFailure::other},
    };
    for (const auto& [text, kind] : table) EXPECT_EQ(classify_apt_failure(text), kind) << text;
}

TEST_F(Apt, healthy_machine_runs_one_command_that_asks_nothing) {
    EXPECT_EQ(install({.packages = {{"kubelet", "1.36.1-1.1"}}, .may_change_held = true}), Lines{"apt-get install"});
    EXPECT_TRUE(result);
    const auto& line = node.host.log[0];
    for (const auto* part : {"--yes", "--no-remove", "--no-install-recommends", "DPkg::Lock::Timeout=",
                             "--force-confold", "--allow-change-held-packages", "-- kubelet=1.36.1-1.1"})
        EXPECT_NE(line.find(part), std::string::npos) << part;
    EXPECT_EQ(line.find("--allow-downgrades"), std::string::npos);
}

TEST_F(Apt, machine_without_package_lists_gets_them_first) {
    node.host.files.clear();
    EXPECT_EQ(install({.packages = {{"runc", ""}}}), (Lines{"apt-get update", "apt-get install"}));
}

TEST_F(Apt, stale_lists_are_renewed_once) {
    answers = {"E: Unable to locate package runc"};
    EXPECT_EQ(install({.packages = {{"runc", ""}}}), (Lines{"apt-get install", "apt-get update", "apt-get install"}));
    EXPECT_TRUE(result);
    node.host.log.clear();
    answers = {"E: Unable to locate package runc", "E: Unable to locate package runc"};
    install({.packages = {{"runc", ""}}});
    EXPECT_EQ(result.error().kind, ErrorKind::not_found);
}

TEST_F(Apt, interrupted_dpkg_is_finished_first) {
    node.host.put("/var/lib/dpkg/status", kStatus);
    EXPECT_EQ(install({.packages = {{"runc", ""}}}), (Lines{"dpkg --configure", "apt-get install"}));
    node.host.log.clear();
    node.host.put("/var/lib/dpkg/status", "");
    node.host.put("/var/lib/dpkg/updates/0001", "");
    EXPECT_EQ(install({.packages = {{"runc", ""}}}), (Lines{"dpkg --configure", "apt-get install"}));
}

TEST_F(Apt, held_lock_is_waited_for_and_named_when_patience_ends) {
    const std::string locked = "E: Could not get lock /var/lib/dpkg/lock-frontend";
    answers = {locked, locked};
    EXPECT_EQ(install({.packages = {{"runc", ""}}}).size(), 3U);
    EXPECT_TRUE(result);
    answers.assign(100, locked);
    install({.packages = {{"runc", ""}}, .patience = std::chrono::seconds(20)});
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_NE(result.error().hint.find("another program is installing"), std::string::npos);
}

TEST_F(Apt, mirror_that_comes_back_is_waited_for) {
    const std::string dead = "E: Failed to fetch http://x/c.deb  Could not connect to x:80";
    answers = {dead, dead, dead};
    install({.packages = {{"runc", ""}}});
    EXPECT_TRUE(result);
    answers.assign(100, dead);
    install({.packages = {{"runc", ""}}, .patience = std::chrono::seconds(20)});
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
}

constexpr auto kMirrorIsLate =
    "Err:1 http://mirror.example bookworm InRelease\n  Temporary failure resolving 'mirror.example'\n"
    "W: Failed to fetch http://mirror.example/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example'\n"
    "W: Some index files failed to download. They have been ignored, or old ones used instead.\n";

// On a first boot there are no lists yet: apt-get update ends well, having read nothing, and the install finds no package.
TEST_F(Apt, lists_that_did_not_come_are_asked_for_again) {
    int updates = 0;
    node.host.programs["apt-get update"] = [&](const Command&) {
        return ++updates <= 3 ? CommandOutput{0, "", kMirrorIsLate} : CommandOutput{};
    };
    node.host.files.clear();
    answers.assign(3, "E: Unable to locate package containerd");
    EXPECT_EQ(install({.packages = {{"containerd", ""}}}).size(), 8U);
    EXPECT_TRUE(result);
    EXPECT_NE(node.host.log[0].find("-o APT::Update::Error-Mode=any"), std::string::npos) << node.host.log[0];
}

TEST_F(Apt, lists_that_never_come_end_with_the_words_of_the_update) {
    node.host.programs["apt-get update"] = [&](const Command&) { return CommandOutput{100, "", kMirrorIsLate}; };
    answers.assign(100, "E: Unable to locate package containerd");
    install({.packages = {{"containerd", ""}}, .refresh_first = true, .patience = std::chrono::seconds(20)});
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_NE(result.error().text().find("Temporary failure resolving 'mirror.example'"), std::string::npos)
        << result.error().text();
    EXPECT_NE(result.error().hint.find("package mirror"), std::string::npos);
}

TEST_F(Apt, a_key_that_is_not_trusted_is_named_at_once) {
    node.host.programs["apt-get update"] = [&](const Command&) {
        return CommandOutput{
            100, "Hit:1 http://deb.example bookworm InRelease\n",
            "W: GPG error: https://pkgs.k8s.io InRelease: The following signatures couldn't be verified "
            "because the public key is not available: NO_PUBKEY 234654DA9A296436\n"
            "W: Failed to fetch https://pkgs.k8s.io/InRelease  The following signatures couldn't be "
            "verified because the public key is not available: NO_PUBKEY 234654DA9A296436\n"
            "E: The repository 'https://pkgs.k8s.io InRelease' is not signed.\n"};
    };
    answers.assign(2, "E: Unable to locate package kubelet");
    EXPECT_EQ(install({.packages = {{"kubelet", ""}}, .refresh_first = true}),
              (Lines{"apt-get update", "apt-get install"}));
    EXPECT_EQ(result.error().kind, ErrorKind::not_found);
    for (const auto* part :
         {"Unable to locate package kubelet", "'apt-get update' said before: ", "NO_PUBKEY 234654DA", "is not signed"})
        EXPECT_NE(result.error().text().find(part), std::string::npos) << result.error().text();
    EXPECT_EQ(result.error().text().find("Hit:1"), std::string::npos);
    EXPECT_NE(result.error().hint.find("apt-get update"), std::string::npos) << result.error().hint;
}

TEST_F(Apt, a_package_is_never_taken_away_for_another) {
    answers = {
        "The following packages will be REMOVED:\n  containerd.io docker-ce\n"
        "E: Packages need to be removed but remove is disabled."};
    install({.packages = {{"containerd", ""}}});
    EXPECT_NE(result.error().text().find("containerd.io docker-ce"), std::string::npos);
    EXPECT_NE(result.error().hint.find("nodeboot removes no package"), std::string::npos) << result.error().hint;
}

TEST_F(Apt, broken_package_is_an_error_at_once) {
    answers = {"E: Sub-process /usr/bin/dpkg returned an error code (1)"};
    EXPECT_EQ(install({.packages = {{"runc", ""}}}), Lines{"apt-get install"});
    EXPECT_EQ(result.error().kind, ErrorKind::io);
}

TEST_F(Apt, unfinished_or_other_versions_are_wanted_and_present_ones_are_not) {
    node.host.put("/var/lib/dpkg/status", kStatus);
    std::vector<NodeChange> changes;
    ASSERT_TRUE(
        want_packages(changes, node.host,
                      {.packages = {{"runc", ""}, {"containerd", ""}, {"kubelet", "1.36.2-1.1"}, {"kubectl", ""}}}));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].from, "1.6.20, not configured, 1.36.1-1.1, absent");
    EXPECT_EQ(describe(changes[0].action), "apt-get install containerd kubelet=1.36.2-1.1 kubectl");
    changes.clear();
    ASSERT_TRUE(want_held(changes, node.host, {"kubelet", "runc"}));
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(describe(changes[0].action), "apt-mark hold runc");
}

}  // namespace
}  // namespace nodeboot::testing
