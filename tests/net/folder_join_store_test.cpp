#include "net/folder_join_store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace nodeboot {
namespace {

namespace fs = std::filesystem;

class FolderJoinStoreTest : public ::testing::Test {
   protected:
    void SetUp() override {
        std::string pattern = ::testing::TempDir() + "joinstoreXXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        store_ = make_folder_join_store(folder_ + "/store", "demo");
    }
    void TearDown() override { fs::remove_all(folder_); }

    static JoinSecret secret(const std::string& endpoint) {
        return {endpoint,
                Secret("abcdef.0123456789abcdef"),
                {"sha256:" + std::string(64, 'b')},
                WallTime(std::chrono::hours(500000)),
                "v1.35.0"};
    }
    unsigned mode(const std::string& path) const {
        struct stat info {};
        ::stat((folder_ + path).c_str(), &info);
        return info.st_mode & 07777;
    }

    std::string folder_;
    std::unique_ptr<JoinStore> store_;
};

TEST_F(FolderJoinStoreTest, nothing_is_there_before_the_first_publication) {
    EXPECT_FALSE(store_->fetch(Look::once).value());
    EXPECT_EQ(store_->describe(), "file " + folder_ + "/store/demo/join");
}

TEST_F(FolderJoinStoreTest, what_was_published_last_is_fetched_and_readable_by_nobody_else) {
    ASSERT_TRUE(store_->publish(secret("a:1")));
    ASSERT_TRUE(store_->publish(secret("b:2")));
    EXPECT_EQ(store_->fetch(Look::once).value()->endpoint, "b:2");
    EXPECT_EQ(mode("/store/demo"), 0700u);
    EXPECT_EQ(mode("/store/demo/join"), 0600u);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/store/demo"), {}), 1);
}

TEST_F(FolderJoinStoreTest, a_folder_left_too_open_and_a_temporary_file_of_a_crash_are_put_right) {
    fs::create_directories(folder_ + "/store/demo");
    ::chmod((folder_ + "/store/demo").c_str(), 0755);
    std::ofstream(folder_ + "/store/demo/.join.new") << "half";
    ASSERT_TRUE(store_->publish(secret("a:1")));
    EXPECT_EQ(mode("/store/demo"), 0700u);
    EXPECT_EQ(mode("/store/demo/join"), 0600u);
}

TEST_F(FolderJoinStoreTest, a_malformed_document_is_corrupted_with_its_path) {
    fs::create_directories(folder_ + "/store/demo");
    std::ofstream(folder_ + "/store/demo/join") << "{";
    const auto fetched = store_->fetch(Look::once);
    ASSERT_FALSE(fetched);
    EXPECT_EQ(fetched.error().kind, ErrorKind::corrupted);
    EXPECT_NE(fetched.error().text().find("/store/demo/join"), std::string::npos);
}

}  // namespace
}  // namespace nodeboot
