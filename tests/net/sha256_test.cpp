#include "net/sha256.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "base/encoding.hpp"

namespace nodeboot {
namespace {

TEST(Sha256, follows_the_vectors_of_fips_180_and_rfc_4231) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?").reveal()),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Sha256, of_pieces_and_of_a_file_is_that_of_the_whole) {
    const std::string text(1'000'003, 'a');
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += 4099) hash.update(std::string_view(text).substr(at, 4099));
    EXPECT_EQ(hash.finish_hex(), sha256_hex(text));
    const std::string path = ::testing::TempDir() + "sha256_test_file";
    std::ofstream(path) << text;
    EXPECT_EQ(sha256_file(path).value(), sha256_hex(text));
    EXPECT_EQ(sha256_file(path + ".absent").error().kind, ErrorKind::not_found);
    EXPECT_EQ(sha256_file("/").error().kind, ErrorKind::io);
}

}  // namespace
}  // namespace nodeboot
