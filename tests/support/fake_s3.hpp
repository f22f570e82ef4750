// S3 in memory.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "net/s3.hpp"

namespace nodeboot::testing {

/// What is in it outlives the clients that a command makes of it.
struct FakeBuckets {
    struct Bucket {
        std::string owner = "123456789012";
        bool blocked = false;
        S3::Tags tags;
        std::map<std::string, std::string> objects;  ///< key → SHA-256
        int looks_until_known = 0;                   ///< settings and objects are refused so many times: it is new
    };
    std::map<std::string, Bucket> buckets;
    std::vector<std::string> log;  ///< what changed something
    int new_buckets_are_unknown_for = 0;
    std::function<bool()> still_deletes = [] { return false; };          ///< the bucket of the name that is to be made
    std::function<Result<void>()> gate = [] { return Result<void>{}; };  ///< before every call
    std::mutex mutex;
};

class FakeS3 final : public S3 {
   public:
    FakeS3(FakeBuckets& all, S3Options options) : all_(all), options_(std::move(options)) {}

    Result<bool> bucket_exists(const std::string& bucket) override {
        NB_CHECK(all_.gate());
        const std::lock_guard lock(all_.mutex);
        const auto found = all_.buckets.find(bucket);
        if (found == all_.buckets.end()) return false;
        if (!ours(found->second)) return fail(ErrorKind::permission, "HeadBucket: 403");
        return true;
    }
    Result<void> create_bucket(const std::string& bucket) override {
        NB_CHECK(all_.gate());
        const std::lock_guard lock(all_.mutex);
        if (all_.still_deletes())  // as the client says it after a minute
            return fail(ErrorKind::timeout,
                        "gave up after 9 attempts in 60 s: s3 CreateBucket: OperationAborted: A "
                        "conflicting conditional operation is currently in progress");
        auto [at, fresh] = all_.buckets.try_emplace(bucket);
        if (!fresh) return ours(at->second) ? Result<void>{} : fail(ErrorKind::conflict, "BucketAlreadyExists");
        at->second.looks_until_known = all_.new_buckets_are_unknown_for;
        all_.log.push_back("create " + bucket);
        return {};
    }
    Result<void> block_public_access(const std::string& bucket) override {
        return change(bucket, "block", [](auto& b) { b.blocked = true; });
    }
    Result<bool> public_access_is_blocked(const std::string& bucket) override { return NB_TRY(look(bucket))->blocked; }
    Result<void> tag_bucket(const std::string& bucket, const Tags& tags) override {
        return change(bucket, "tag", [&](auto& b) { b.tags = tags; });
    }
    Result<Tags> bucket_tags(const std::string& bucket) override { return NB_TRY(look(bucket))->tags; }
    Result<void> remove_bucket(const std::string& bucket) override {
        const auto found = look(bucket);
        if (!found && found.error().kind == ErrorKind::cancelled) return fail(found.error());
        if (found && !(*found)->objects.empty()) return fail(ErrorKind::conflict, "BucketNotEmpty");
        const std::lock_guard lock(all_.mutex);
        all_.buckets.erase(bucket);
        all_.log.push_back("remove " + bucket);
        return {};
    }
    Result<std::optional<S3Head>> head(const S3Object& object) override {
        const auto& objects = NB_TRY(look(object.bucket))->objects;
        const auto found = objects.find(object.key);
        if (found == objects.end()) return std::optional<S3Head>{};
        return std::optional(S3Head{1, found->second});
    }
    Result<void> put_file(const S3Object& object, const std::string&, const std::string& sha256,
                          std::function<void(std::uint64_t, std::uint64_t)> progress) override {
        if (progress) progress(1, 2);
        return change(object.bucket, "put", [&](auto& b) { b.objects[object.key] = sha256; });
    }
    Result<Downloaded> get_file(const S3Object&, Download, const RetryOptions&) override {
        return fail(ErrorKind::internal, "not asked for");
    }
    Result<void> remove(const S3Object& object) override {
        return change(object.bucket, "delete " + object.key, [&](auto& b) { b.objects.erase(object.key); });
    }
    Result<std::vector<S3Listed>> list(const std::string& bucket, const std::string& prefix) override {
        std::vector<S3Listed> out;
        for (const auto& [key, sha256] : NB_TRY(look(bucket))->objects)
            if (key.starts_with(prefix)) out.push_back({key, 1});
        return out;
    }

   private:
    bool ours(const FakeBuckets::Bucket& bucket) const {
        return options_.expected_owner.empty() || bucket.owner == options_.expected_owner;
    }
    Result<FakeBuckets::Bucket*> look(const std::string& bucket) {
        NB_CHECK(all_.gate());
        const std::lock_guard lock(all_.mutex);
        const auto found = all_.buckets.find(bucket);
        if (found == all_.buckets.end() || found->second.looks_until_known-- > 0)
            return fail(ErrorKind::not_found, "NoSuchBucket");
        if (!ours(found->second)) return fail(ErrorKind::permission, "AccessDenied");
        return &found->second;
    }
    template <class Change>
    Result<void> change(const std::string& bucket, const std::string& word, Change change) {
        auto* found = NB_TRY(look(bucket));
        const std::lock_guard lock(all_.mutex);
        change(*found);
        all_.log.push_back(word);
        return {};
    }

    FakeBuckets& all_;
    S3Options options_;
};

}  // namespace nodeboot::testing
