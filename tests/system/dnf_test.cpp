#include "system/dnf.hpp"

#include <gtest/gtest.h>

#include "support/fake_services.hpp"

namespace nodeboot {
namespace {

using testing::FakeNode;

// What dnf 4.14 printed (Debian 12), run against repositories that were broken in these ways.
constexpr std::pair<const char*, DnfFailure> recorded[] = {
    {"Errors during downloading metadata for repository 'kubernetes':\n  - Curl error (6): Couldn't resolve host name "
     "for "
     "http://nosuch.invalid/x/repodata/repomd.xml [Could not resolve host: nosuch.invalid]\nError: Failed to download "
     "metadata for repo 'kubernetes': Cannot download repomd.xml: Cannot download repodata/repomd.xml: All mirrors "
     "were "
     "tried\n",
     DnfFailure::network},
    {"Error: Failed to download metadata for repo 'kubernetes': Cannot download repomd.xml: Cannot download "
     "repodata/repomd.xml: All mirrors were tried\n",
     DnfFailure::network},
    {"Error: Error downloading packages:\n  kubelet-1.35.2-1.1.noarch: Cannot download, all mirrors were already tried "
     "without success\n",
     DnfFailure::network},
    {"Error: Unable to find a match: kubelet-1.36.*\n", DnfFailure::not_found},
    {"Package kubelet-1.35.2-1.1.noarch.rpm is not signed\nError: GPG check FAILED\n", DnfFailure::bad_signature},
    {"Error: Failed to download metadata for repo 'kubernetes': GPG verification is enabled, but GPG signature is not "
     "available. This may be an error or the repository does not support GPG verification: Status code: 404 for "
     "http://127.0.0.1:9099/repo/repodata/repomd.xml.asc (IP: 127.0.0.1)\n",
     DnfFailure::bad_signature},
    {"Error: Transaction test error:\n  installing package kubelet-1.35.2-1.1.noarch needs 20MB more space on the / "
     "filesystem\n\nError Summary\n-------------\nDisk Requirements:\n   At least 20MB more space needed on the / "
     "filesystem.\n",
     DnfFailure::disk_full},
    {"Error: something else\n", DnfFailure::other},
};

TEST(Dnf, failures_are_told_apart) {
    for (const auto& [output, kind] : recorded) EXPECT_EQ(classify_dnf_failure(output), kind) << output;
}

TEST(Dnf, is_used_where_there_is_no_apt) {
    FakeNode node;
    EXPECT_FALSE(*has_dnf(node.host));
    node.host.put("/usr/bin/dnf", "");
    EXPECT_TRUE(*has_dnf(node.host));
    node.host.put("/usr/bin/apt-get", "");  // Debian packages dnf, too
    EXPECT_FALSE(*has_dnf(node.host));
}

TEST(Dnf, installed_packages_are_read_from_rpm) {
    FakeNode node;
    node.host.programs["rpm --query --queryformat '%{NAME} %{VERSION}-%{RELEASE}\\n' kubelet kubeadm"] =
        [](const Command&) {
            return CommandOutput{1, "kubelet 1.35.1-150500.1.1\npackage kubeadm is not installed\n", ""};
        };
    const auto found = installed_rpms(node.host, {"kubelet", "kubeadm"});
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, (std::map<std::string, std::string>{{"kubelet", "1.35.1-150500.1.1"}}));
}

TEST(Dnf, a_broken_rpm_database_is_an_error_and_not_an_absent_package) {
    FakeNode node;
    node.host.programs["rpm"] = [](const Command&) {
        return CommandOutput{1, "", "error: rpmdb: damaged header #3 retrieved -- skipping.\n"};
    };
    const auto found = installed_rpms(node.host, {"kubelet"});
    ASSERT_FALSE(found);
    EXPECT_NE(found.error().text().find("damaged header"), std::string::npos);
}

/// A dnf that fails with these outputs one after the other, then works.
struct Failing : FakeNode {
    std::vector<std::string> outputs;
    std::vector<std::string> ran;

    explicit Failing(std::vector<std::string> with) : outputs(std::move(with)) {
        host.programs["dnf"] = [this](const Command& command) {
            ran.push_back(to_text(command.argv));
            if (ran.size() > outputs.size()) return CommandOutput{0, "", ""};
            return CommandOutput{1, outputs[ran.size() - 1], ""};
        };
    }
    Result<void> install(DnfRequest request = {.packages = {"kubelet-1.35.*", "iptables-nft"},
                                               .without_excludes_of = "nodeboot-kubernetes"}) {
        StepContext context = step();
        ActionContext action{host, context};
        return perform(install_rpms(std::move(request)), action);
    }
};

TEST(Dnf, installs_without_questions_and_weak_dependencies) {
    Failing node({});
    ASSERT_TRUE(node.install());
    EXPECT_EQ(node.ran,
              std::vector<std::string>{"dnf install --assumeyes --setopt=install_weak_deps=False "
                                       "--disableexcludes=nodeboot-kubernetes 'kubelet-1.35.*' iptables-nft"});
}

TEST(Dnf, a_late_mirror_is_waited_for_with_fresh_metadata) {
    Failing node({recorded[0].first, recorded[2].first});
    ASSERT_TRUE(node.install());
    ASSERT_EQ(node.ran.size(), 3U);
    EXPECT_EQ(node.ran[0].find("--refresh"), std::string::npos);
    EXPECT_NE(node.ran[1].find("--refresh"), std::string::npos);
}

TEST(Dnf, a_mirror_that_never_answers_is_given_up_at_the_deadline) {
    Failing node(std::vector<std::string>(1000, recorded[1].first));
    const auto done = node.install();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::unavailable);
    EXPECT_GT(node.ran.size(), 10U);
    EXPECT_LT(node.ran.size(), 1000U);
}

TEST(Dnf, what_does_not_pass_by_itself_is_told_at_once) {
    const std::pair<std::size_t, ErrorKind> cases[] = {
        {4, ErrorKind::corrupted}, {5, ErrorKind::corrupted}, {6, ErrorKind::io}, {7, ErrorKind::io}};
    for (const auto& [index, kind] : cases) {
        Failing node(std::vector<std::string>(5, recorded[index].first));
        const auto done = node.install();
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().kind, kind);
        EXPECT_EQ(node.ran.size(), 1U);
    }
}

TEST(Dnf, a_package_that_is_not_found_is_looked_for_once_more_in_fresh_metadata) {
    Failing node(std::vector<std::string>(5, recorded[3].first));
    const auto done = node.install();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::not_found);
    EXPECT_EQ(node.ran.size(), 2U);
}

}  // namespace
}  // namespace nodeboot
