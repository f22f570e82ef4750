#include "cli/aws_access.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"
#include "system/linux_host.hpp"

namespace nodeboot::cli {
namespace {

/// The process' own variables, put back at the end.
class Variables {
   public:
    ~Variables() {
        for (const auto& [name, old] : old_) old ? ::setenv(name.c_str(), old->c_str(), 1) : ::unsetenv(name.c_str());
    }
    void set(const std::string& name, const std::string& value) {
        const char* old = std::getenv(name.c_str());
        old_.emplace(name, old != nullptr ? std::optional<std::string>(old) : std::nullopt);
        ::setenv(name.c_str(), value.c_str(), 1);
    }

   private:
    std::map<std::string, std::optional<std::string>> old_;
};

TEST(AwsAccess, a_credential_process_finds_what_the_operators_environment_says) {
    testing::TemporaryFolder folder;
    const std::string home = folder.path();
    std::ofstream(home + "/config") << "[default]\nregion = eu-central-1\ncredential_process = sign-in --now\n";
    const std::string program = home + "/sign-in";
    // What an SDK's program looks at; then it fails, so that nothing is asked of AWS.
    std::ofstream(program) << "#!/bin/sh\necho \"$HOME $AWS_CONFIG_FILE $HTTPS_PROXY $1\" >" + home +
                                  "/seen\necho the-secret-key\nexit 3\n";
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    Variables variables;
    for (const auto* name : {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"})
        variables.set(name, "");
    variables.set("HOME", home);
    variables.set("PATH", home + ":" + std::getenv("PATH"));
    variables.set("AWS_CONFIG_FILE", home + "/config");
    variables.set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    variables.set("HTTPS_PROXY", "http://proxy.example:3128");
    LinuxHost host{{}};
    testing::ManualClock clock;
    const auto access = aws_access_factory(host, clock)(Config{}, Log([](LogLevel, std::string_view) {}), {});
    ASSERT_TRUE(access) << access.error().text();
    const auto got = (*access)->parameters().get("/nodeboot/demo/join");
    ASSERT_FALSE(got);
    EXPECT_NE(got.error().text().find("credential_process of profile default"), std::string::npos)
        << got.error().text();
    EXPECT_EQ(got.error().text().find("the-secret-key"), std::string::npos) << got.error().text();
    std::ifstream seen(home + "/seen");
    std::string line;
    std::getline(seen, line);
    EXPECT_EQ(line, home + " " + home + "/config http://proxy.example:3128 --now");
}

}  // namespace
}  // namespace nodeboot::cli
