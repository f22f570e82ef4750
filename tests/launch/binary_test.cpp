#include "launch/binary.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "engine/runner.hpp"
#include "net/sha256.hpp"
#include "support/fake_iam.hpp"
#include "support/fake_s3.hpp"
#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"

namespace nodeboot {
namespace {

std::string elf(unsigned short machine, bool dynamic) {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = machine;
    header.e_phoff = sizeof header;
    header.e_phnum = 2;
    Elf64_Phdr parts[2]{};
    parts[0].p_type = PT_LOAD;
    parts[1].p_type = dynamic ? PT_INTERP : PT_NOTE;
    std::string out(reinterpret_cast<const char*>(&header), sizeof header);
    return out.append(reinterpret_cast<const char*>(parts), sizeof parts);
}

class BinaryTest : public ::testing::Test {
   protected:
    BinaryTest() {
        config_.cluster = {"demo", "eu-central-1"};
        folder_.put("nodeboot", elf(EM_X86_64, false));
    }
    std::shared_ptr<Binary> binary() {
        return std::make_shared<Binary>(
            config_,
            Binary::Options{.region = region_, .own = folder_ / "nodeboot", .make_s3 = [this](S3Options options) {
                                return std::make_unique<testing::FakeS3>(s3_, std::move(options));
                            }});
    }
    Cloud cloud() { return {iam_, clock_, {.cluster = "demo", .given = {}, .stop = {}}}; }

    RunReport run(bool remove = false) {
        Cloud cloud(iam_, clock_, {.cluster = "demo", .given = {}, .stop = {}});
        CloudPhases phases;
        if (remove) {
            phases.push_back(make_cloud_phase({"instances", "none here", {}, std::chrono::minutes(1)},
                                              [](const CloudView&) { return CloudChanges{}; }));
            add_binary_removal(phases, binary());
        } else {
            add_binary(phases, config_, binary());
        }
        std::vector<Runnable> runnables;
        for (auto& phase : phases) runnables.push_back(make_runnable(std::move(phase), cloud));
        return converge(Catalog::make(std::move(runnables)).value(),
                        {.clock = clock_, .log = log_, .stop = {}, .selection = {}, .parallel = 1});
    }
    static std::string problem(const RunReport& report) {
        return report.first_error() != nullptr ? report.first_error()->text() : std::string();
    }

    const std::string own_ = "nodeboot-demo-123456789012-eu-central-1";
    std::string region_ = "eu-central-1";
    const std::string key_ = "demo/123456789012/eu-central-1/nodeboot-";
    testing::TemporaryFolder folder_;
    Config config_;
    testing::ManualClock clock_;
    Log log_{{}};
    testing::FakeIam iam_{clock_};
    testing::FakeBuckets s3_;
};

TEST_F(BinaryTest, goes_into_a_private_bucket_once) {
    s3_.new_buckets_are_unknown_for = 3;
    const auto report = run();
    ASSERT_TRUE(report.ok()) << problem(report);
    const auto& bucket = s3_.buckets.at(own_);
    EXPECT_TRUE(bucket.blocked);
    EXPECT_NE(std::find(bucket.tags.begin(), bucket.tags.end(),
                        std::pair<std::string, std::string>("nodeboot.io/cluster", "demo")),
              bucket.tags.end());
    const std::string digest = sha256_hex(folder_.content("nodeboot"));
    EXPECT_EQ(bucket.objects, (std::map<std::string, std::string>{{key_ + digest, digest}}));
    const auto before = s3_.log.size();
    const auto again = run();
    EXPECT_TRUE(again.ok());
    EXPECT_FALSE(again.changed());
    EXPECT_EQ(s3_.log.size(), before);
    auto view = cloud();
    EXPECT_EQ(binary()->object(view).value(), own_ + "/" + key_ + digest);
    EXPECT_EQ(binary()->source(view).value(),
              BinarySource(BinaryFromS3{own_, key_ + digest, "eu-central-1", digest, ""}));
}

TEST_F(BinaryTest, is_looked_at_once_in_a_run_and_what_s3_confirmed_is_believed) {
    std::atomic<int> calls = 0;
    s3_.gate = [&] {
        ++calls;
        return Result<void>{};
    };
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(calls, 4 + 4);  // bucket, its settings and the object; then made, blocked, tagged, uploaded
    calls = 0;
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(calls, 4);
}

TEST_F(BinaryTest, what_was_changed_by_hand_is_put_right_and_other_tags_stay) {
    ASSERT_TRUE(run().ok());
    auto& bucket = s3_.buckets.at(own_);
    bucket.blocked = false;
    bucket.tags = {{"mine", "x"}, {"nodeboot.io/cluster", "other"}};
    bucket.objects.begin()->second = sha256_hex("damaged");
    ASSERT_TRUE(run().ok());
    EXPECT_TRUE(bucket.blocked);
    EXPECT_EQ(bucket.tags.size(), 5u);
    EXPECT_EQ(bucket.tags.front(), (std::pair<std::string, std::string>("mine", "x")));
    EXPECT_EQ(bucket.objects.begin()->second, sha256_hex(folder_.content("nodeboot")));
}

TEST_F(BinaryTest, another_build_is_another_object_and_the_old_one_stays_for_those_who_name_it) {
    ASSERT_TRUE(run().ok());
    folder_.put("nodeboot", elf(EM_X86_64, false) + "newer");
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(s3_.buckets.at(own_).objects.size(), 2u);
}

TEST_F(BinaryTest, a_bucket_of_that_name_in_another_account_is_not_used) {
    s3_.buckets[own_].owner = "999999999999";
    EXPECT_FALSE(run().ok());
    EXPECT_TRUE(s3_.log.empty());
}

TEST_F(BinaryTest, removal_takes_everything_and_of_a_given_bucket_only_what_is_ours) {
    ASSERT_TRUE(run().ok());
    s3_.buckets.at(own_).objects["by/hand"] = "x";
    const auto report = run(true);
    ASSERT_TRUE(report.ok()) << problem(report);
    EXPECT_TRUE(s3_.buckets.empty());
    EXPECT_FALSE(run(true).changed());

    config_.binary.bucket = "artifacts";
    s3_.buckets["artifacts"].objects["theirs"] = "x";
    s3_.buckets["artifacts"].owner = "222222222222";  // lent to us
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(s3_.buckets["artifacts"].objects.size(), 2u);
    EXPECT_TRUE(s3_.buckets["artifacts"].tags.empty());
    ASSERT_TRUE(run(true).ok());
    EXPECT_EQ(s3_.buckets["artifacts"].objects, (std::map<std::string, std::string>{{"theirs", "x"}}));
}

TEST_F(BinaryTest, clusters_of_one_name_in_two_accounts_and_regions_share_a_bucket) {
    config_.binary.bucket = "artifacts";
    s3_.buckets["artifacts"];
    const auto objects = [&] { return s3_.buckets["artifacts"].objects.size(); };
    ASSERT_TRUE(run().ok());
    iam_.account = "999999999999";
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(objects(), 2u);
    region_ = "eu-west-1";
    ASSERT_TRUE(run().ok());
    EXPECT_EQ(objects(), 3u);
    ASSERT_TRUE(run(true).ok());
    EXPECT_EQ(objects(), 2u);
    region_ = "eu-central-1";
    ASSERT_TRUE(run(true).ok());
    const std::string digest = sha256_hex(folder_.content("nodeboot"));
    EXPECT_EQ(s3_.buckets["artifacts"].objects, (std::map<std::string, std::string>{{key_ + digest, digest}}));
}

TEST_F(BinaryTest, removal_finds_the_bucket_that_was_made_before_the_settings_changed) {
    ASSERT_TRUE(run().ok());
    config_.binary.bucket = "artifacts";
    s3_.buckets["artifacts"];
    ASSERT_TRUE(run().ok());
    ASSERT_TRUE(run(true).ok());
    EXPECT_FALSE(s3_.buckets.contains(own_));
    EXPECT_TRUE(s3_.buckets.at("artifacts").objects.empty());

    config_.binary.bucket = "";
    ASSERT_TRUE(run().ok());
    config_.binary = {.source = BinaryOrigin::image};
    ASSERT_TRUE(run(true).ok());
    EXPECT_FALSE(s3_.buckets.contains(own_));
    s3_.buckets[own_].owner = "999999999999";  // or no permission to look: it was not made by this configuration
    EXPECT_TRUE(run(true).ok());
    config_.binary = {};
    EXPECT_FALSE(run(true).ok());
}

TEST_F(BinaryTest, removal_leaves_a_bucket_that_is_not_tagged_and_holds_something_else) {
    ASSERT_TRUE(run().ok());
    s3_.buckets.at(own_).tags.clear();
    s3_.buckets.at(own_).objects["photos/cat"] = "x";
    const auto report = run(true);
    EXPECT_FALSE(report.ok());
    EXPECT_NE(problem(report).find("photos/cat"), std::string::npos) << problem(report);
    EXPECT_EQ(s3_.buckets.at(own_).objects.size(), 2u);
    s3_.buckets.at(own_).objects.erase("photos/cat");  // as a launcher leaves it that is killed before it tags it
    ASSERT_TRUE(run(true).ok());
    EXPECT_TRUE(s3_.buckets.empty());
}

TEST_F(BinaryTest, that_comes_from_elsewhere_is_not_uploaded) {
    config_.binary = {.source = BinaryOrigin::url, .url = "https://x/nodeboot", .sha256 = std::string(64, 'a')};
    ASSERT_TRUE(run().ok());
    auto view = cloud();
    EXPECT_EQ(binary()->source(view).value(), BinarySource(BinaryFromUrl{"https://x/nodeboot", std::string(64, 'a')}));
    EXPECT_FALSE(binary()->object(view).value());
    config_.binary = {.source = BinaryOrigin::image};
    EXPECT_EQ(binary()->source(view).value(), BinarySource(BinaryInImage{}));
    EXPECT_EQ(iam_.calls, 0u);
    EXPECT_TRUE(s3_.log.empty());
}

TEST_F(BinaryTest, a_file_that_would_not_run_there_is_refused_before_anything_is_made) {
    for (const auto& [content, why] : std::vector<std::pair<std::string, std::string>>{
             {"#!/bin/sh\n", "no 64-bit Linux program"},
             {elf(EM_AARCH64, false), "not for amd64"},
             {elf(EM_X86_64, true), "libraries of the machine it was built on"},
             {elf(EM_X86_64, false).substr(0, 100), "cut off"},
         }) {
        folder_.put("nodeboot", content);
        const auto report = run();
        EXPECT_NE(problem(report).find(why), std::string::npos) << problem(report);
    }
    EXPECT_TRUE(s3_.buckets.empty());
    config_.binary.file = folder_ / "absent";
    EXPECT_NE(problem(run()).find("cannot read"), std::string::npos);
    config_.binary.file = folder_ / "arm";
    config_.instances.control_plane_type = "t4g.medium";
    folder_.put("arm", elf(EM_AARCH64, false));
    EXPECT_TRUE(run().ok());
}

TEST_F(BinaryTest, makes_the_bucket_when_s3_has_done_with_the_one_that_was_deleted) {
    const auto done = clock_.steady() + std::chrono::minutes(5);
    s3_.still_deletes = [&] { return clock_.steady() < done; };
    const auto report = run();
    ASSERT_TRUE(report.ok()) << report.first_error()->text();
    EXPECT_GE(clock_.steady(), done);
    EXPECT_EQ(s3_.buckets.size(), 1u);
}

TEST_F(BinaryTest, says_why_a_name_stays_taken_when_s3_deletes_for_longer_than_the_step_has) {
    s3_.still_deletes = [] { return true; };
    const auto began = clock_.steady();
    const auto report = run();
    ASSERT_FALSE(report.ok());
    EXPECT_GE(clock_.steady() - began, std::chrono::minutes(20));
    EXPECT_NE(report.first_error()->hint.find("S3 still deletes"), std::string::npos) << report.first_error()->hint;
}

}  // namespace
}  // namespace nodeboot
