#include "launch/ssh_key.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/encoding.hpp"
#include "net/sha256.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

// RFC 8032, 7.1, test 1.
const std::string seed_hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const std::string public_line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
const std::string fingerprint = "SHA256:bbXpuKG6zhzdmnxq256TlqzFBzRl2f6OOg722cYNbU8";

std::string bytes_of(const std::string& hex) {
    std::string out;
    for (std::size_t i = 0; i < hex.size(); i += 2) out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
}

ReadFile from(const std::map<std::string, std::string>& files) {
    return [=](const std::string& path) -> Result<std::optional<std::string>> {
        const auto found = files.find(path);
        return found != files.end() ? std::optional(found->second) : std::nullopt;
    };
}

TEST(SshKey, the_file_is_what_ssh_keygen_reads) {
    const auto made = make_ssh_key(Secret(bytes_of(seed_hex)), Secret("\x01\x02\x03\x04"), "nodeboot-demo");
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->public_key.line(), public_line);
    const std::string text(made->private_file.reveal());
    // ssh-keygen of OpenSSH 9.2 took exactly this file: -y, -l, and a signature made and verified.
    EXPECT_EQ(sha256_hex(text), "aef7e32523930f06cb871ac3438cef08aa450065ced65ec5af9a3baa0dd33ee4");
    const auto half = public_half(made->private_file);
    ASSERT_TRUE(half) << half.error().text();
    EXPECT_EQ(half->line(), public_line);
}

TEST(SshKey, a_public_key_is_one_line_of_a_type_that_ec2_takes) {
    const auto key = parse_ssh_public_key(public_line + " ada@work\n");
    ASSERT_TRUE(key) << key.error().text();
    EXPECT_EQ(key->line(), public_line);
    EXPECT_EQ(key->comment, "ada@work");
    EXPECT_EQ(key->fingerprint(), fingerprint);
    EXPECT_EQ(parse_ssh_public_key("  " + public_line)->comment, "");
    const std::string blob = public_line.substr(12);
    for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
             {"", "there is none"},
             {"ssh-ed25519", "damaged"},
             {"ssh-ed25519 AAAA", "damaged"},
             {"ssh-rsa " + blob, "damaged"},
             {"ssh-ed25519 " + blob.substr(0, 60), "damaged"},
             {"ecdsa-sha2-nistp256 " + blob, "'ecdsa-sha2-nistp256' is no type that EC2 takes"},
             {"ssh-dss " + blob, "'ssh-dss' is no type"},
             {public_line + "\n" + public_line + "\n", "more than one line"},
             {"-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim", "this is a private key"},
         }) {
        const auto bad = parse_ssh_public_key(text);
        ASSERT_FALSE(bad) << text;
        EXPECT_NE(bad.error().text().find(why), std::string::npos) << bad.error().text();
        EXPECT_EQ(bad.error().text().find("geheim"), std::string::npos);
        EXPECT_EQ(bad.error().kind, ErrorKind::invalid_input);
    }
}

TEST(SshKey, the_users_own_key_logs_in_unless_another_is_named) {
    Config config;
    const std::string rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQA=";
    EXPECT_FALSE(chosen_ssh_key(config, from({}), "/home/ada").value());
    EXPECT_EQ((*chosen_ssh_key(config, from({{"/home/ada/.ssh/id_rsa.pub", rsa}}), "/home/ada"))->type, "ssh-rsa");
    const auto both = from({{"/home/ada/.ssh/id_rsa.pub", rsa}, {"/home/ada/.ssh/id_ed25519.pub", public_line}});
    EXPECT_EQ((*chosen_ssh_key(config, both, "/home/ada"))->type, "ssh-ed25519");
    config.access.ssh_public_key = rsa;
    EXPECT_EQ((*chosen_ssh_key(config, both, "/home/ada"))->type, "ssh-rsa");
    config.access.ssh_public_key = "/keys/a.pub";
    EXPECT_EQ(chosen_ssh_key(config, both, "/home/ada").error().text(),
              "access.ssh_public_key: there is no file /keys/a.pub");
    EXPECT_TRUE(*chosen_ssh_key(config, from({{"/keys/a.pub", public_line}}), "/home/ada"));
}

TEST(SshKey, ssh_that_is_opened_for_nobody_is_an_error) {
    Config config;
    config.access.ssh_from = {"203.0.113.7/32"};
    const auto none = chosen_ssh_key(config, from({}), "/home/ada");
    EXPECT_EQ(none.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(none.error().hint.find("access.ssh_generated_key"), std::string::npos);
}

TEST(SshKey, a_generated_key_is_kept_for_its_owner_alone_and_never_written_over) {
    const testing::TemporaryFolder folder;
    const std::string path = folder / "key";
    const ReadFile read = [](const std::string& file) -> Result<std::optional<std::string>> {
        std::ifstream in(file, std::ios::binary);
        if (!in) return std::optional<std::string>{};
        return std::optional(std::string(std::istreambuf_iterator<char>(in), {}));
    };
    EXPECT_FALSE(kept_ssh_key(read, path).value());
    const auto made = generate_ssh_key(path, "nodeboot-demo");
    ASSERT_TRUE(made) << made.error().text();
    struct stat state {};
    ASSERT_EQ(::stat(path.c_str(), &state), 0);
    EXPECT_EQ(state.st_mode & 0777U, 0600U);
    EXPECT_EQ((*kept_ssh_key(read, path))->line(), made->line());
    EXPECT_EQ(folder.content("key.pub"), made->line() + " nodeboot-demo\n");
    const std::string before = folder.content("key");
    EXPECT_EQ(generate_ssh_key(path, "x").error().kind, ErrorKind::io);
    EXPECT_EQ(folder.content("key"), before);
    EXPECT_NE(generate_ssh_key(folder / "other", "x")->line(), made->line());
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
        EXPECT_NE(entry.path().extension(), ".new");
    EXPECT_EQ(generate_ssh_key(folder / "no/such/folder", "x").error().kind, ErrorKind::io);
}

TEST(SshKey, what_is_no_private_key_is_said_to_be_damaged) {
    const auto made = make_ssh_key(Secret(bytes_of(seed_hex)), Secret("1234"), "c");
    const std::string whole(made->private_file.reveal());
    for (const auto& text :
         {std::string(), std::string("ssh-ed25519 AAAA"), whole.substr(0, whole.size() / 2),
          std::string("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")})
        EXPECT_EQ(kept_ssh_key(from({{"/k", text}}), "/k").error().kind, ErrorKind::corrupted) << text;
}

}  // namespace
}  // namespace nodeboot
