#include "launch/binary.hpp"

#include <algorithm>
#include <thread>

#include "launch/names.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

constexpr auto new_bucket_appears_within = std::chrono::seconds(60);
constexpr const char* topic = "binary";

using Work = std::function<Result<void>(CloudContext&)>;

CloudChange change(std::string subject, std::string from, std::string to, std::string name, std::string argument,
                   Work work) {
    return {std::move(subject), std::move(from), std::move(to),
            CloudProcedure{std::move(name), {std::move(argument)}, std::move(work)}};
}

/// For people: a digest ends after twelve digits.
std::string short_key(const std::string& text) {
    constexpr std::size_t digest = 64, shown = 12;
    const auto dash = text.rfind('-');
    if (dash == std::string::npos || text.size() - dash - 1 != digest) return text;
    return text.substr(0, dash + 1 + shown) + "...";
}

/// A bucket made a moment ago may not be known everywhere yet.
Result<void> once_known_everywhere(CloudContext& context, const std::function<Result<void>()>& work) {
    const auto since = context.step.clock.steady();
    const auto deadline =
        Deadline::after(context.step.clock, new_bucket_appears_within).sooner_of(context.step.deadline);
    for (;;) {
        auto done = work();
        if (done || done.error().kind != ErrorKind::not_found || deadline.passed(context.step.clock)) return done;
        NB_CHECK(pause(context.step, since));
    }
}

/// The name of a bucket that was deleted stays taken while S3 still deletes it: minutes, now and then an hour.
Result<void> make_bucket(CloudContext& context, S3& s3, const std::string& name) {
    auto& step = context.step;
    for (const auto since = step.clock.steady();;) {
        auto made = s3.create_bucket(name);
        if (made || !is_no_answer(made.error())) return made;
        const bool taken = made.error().text().find("OperationAborted") != std::string::npos;
        if (step.deadline.passed(step.clock)) {
            Error error = std::move(made).error();
            if (taken)
                error.hint =
                    "S3 still deletes the bucket of this name that was there before, which may take an hour: "
                    "run this command again";
            return fail(std::move(error));
        }
        step.progress(taken ? "S3 still deletes the bucket of this name" : "no answer yet: " + made.error().text());
        NB_CHECK(pause(step, since));
    }
}

}  // namespace

struct Binary::Bucket {
    std::string account;  ///< of whoever runs this, not of the bucket
    std::string name;
    bool given = false;
    std::unique_ptr<S3> s3;
};

struct Binary::File {
    std::string path, sha256;
};

Binary::Binary(const Config& config, Options options) : config_(config), options_(std::move(options)) {}
Binary::~Binary() = default;

Result<Binary::Bucket*> Binary::bucket(const CloudView& view) {
    const auto account = NB_TRY(account_of(view));
    const std::lock_guard lock(mutex_);
    if (!bucket_) {
        const std::string& given = config_.binary.bucket;
        bucket_ = std::make_unique<Bucket>(
            given.empty()
                ? make_own_bucket(view, account)
                : Bucket{account, given, true, options_.make_s3({.expected_owner = {}, .stop = view.scope().stop})});
    }
    return bucket_.get();
}

/// A bucket of another account may be lent to this one on purpose; one with the name of ours is a trap.
Binary::Bucket Binary::make_own_bucket(const CloudView& view, const std::string& account) const {
    return {account, bucket_name(config_.cluster.name, account, options_.region), false,
            options_.make_s3({.expected_owner = account, .stop = view.scope().stop})};
}

Result<const Binary::File*> Binary::file() {
    const std::lock_guard lock(mutex_);
    if (!file_) {
        const std::string& path = config_.binary.file.empty() ? options_.own : config_.binary.file;
        NB_CHECK(check_executable(path, architecture_of(config_.instances.control_plane_type)));
        file_ = std::make_unique<File>(File{path, NB_TRY_CONTEXT(sha256_file(path), "the binary to upload")});
    }
    return file_.get();
}

std::string Binary::key_in(const Bucket& bucket, const std::string& sha256) const {
    return binary_key(config_.cluster.name, bucket.account, options_.region, sha256);
}

Result<S3Object> Binary::object_in(const Bucket& bucket) {
    return S3Object{bucket.name, key_in(bucket, NB_TRY(file())->sha256)};
}

Result<BinarySource> Binary::source(const CloudView& view) {
    switch (config_.binary.source) {
        case BinaryOrigin::image: return BinarySource(BinaryInImage{});
        case BinaryOrigin::url: return BinarySource(BinaryFromUrl{config_.binary.url, config_.binary.sha256});
        case BinaryOrigin::s3: break;
    }
    const auto object = NB_TRY(object_in(*NB_TRY(bucket(view))));
    return BinarySource(BinaryFromS3{.bucket = object.bucket,
                                     .key = object.key,
                                     .region = options_.region,
                                     .sha256 = NB_TRY(file())->sha256,
                                     .endpoint = config_.aws.endpoint_url});
}

Result<std::optional<std::string>> Binary::object(const CloudView& view) {
    if (config_.binary.source != BinaryOrigin::s3) return std::optional<std::string>{};
    const auto object = NB_TRY(object_in(*NB_TRY(bucket(view))));
    return std::optional(object.bucket + "/" + object.key);
}

/// What S3 says of all that `plan` compares.
struct Binary::Seen {
    bool exists = true, blocked = false;
    S3::Tags tags;
    std::optional<S3Head> object;
};

Result<Binary::Seen> Binary::look(Bucket& bucket, const S3Object& object) const {
    S3& s3 = *bucket.s3;
    Result<bool> exists = true, blocked = true;
    Result<S3::Tags> tags;
    Result<std::optional<S3Head>> head;
    {
        std::vector<std::jthread> threads;
        if (!bucket.given) {
            threads.emplace_back([&] { exists = s3.bucket_exists(bucket.name); });
            threads.emplace_back([&] { blocked = s3.public_access_is_blocked(bucket.name); });
            threads.emplace_back([&] { tags = s3.bucket_tags(bucket.name); });
        }
        head = s3.head(object);
    }
    if (!NB_TRY(exists)) return Seen{.exists = false, .blocked = false, .tags = {}, .object = {}};
    return Seen{.exists = true, .blocked = NB_TRY(blocked), .tags = NB_TRY(tags), .object = NB_TRY(head)};
}

Result<Binary::Seen> Binary::seen(const CloudView& view, Bucket& bucket, const S3Object& object) const {
    return *NB_TRY(view.kept<Seen>(topic, object.text(), [&] { return look(bucket, object); }));
}

/// What S3 has confirmed is so. A look might show an older setting of a bucket: only objects are the same to everybody at
/// once ("data consistency model" in S3's user guide).
void Binary::done(Cloud& cloud, Bucket& bucket, const S3Object& object, const std::function<void(Seen&)>& what) {
    const std::lock_guard lock(mutex_);
    auto now = seen(cloud, bucket, object);
    cloud.forget(topic);
    if (!now) return;
    what(*now);
    static_cast<void>(cloud.kept<Seen>(topic, object.text(), [&] { return now; }));
}

Result<void> Binary::look_ahead(const CloudView& view) {
    if (config_.binary.source != BinaryOrigin::s3) return {};
    Bucket& in = *NB_TRY(bucket(view));
    NB_CHECK(seen(view, in, NB_TRY(object_in(in))));
    return {};
}

void Binary::plan_bucket(CloudChanges& changes, Bucket& bucket, const S3Object& object, const Seen& seen) {
    S3& s3 = *bucket.s3;
    const std::string& name = bucket.name;
    if (!seen.exists)
        changes.push_back(change("bucket", "absent", name, "make bucket", name,
                                 [this, &s3, &bucket, name, object](CloudContext& context) -> Result<void> {
                                     NB_CHECK(make_bucket(context, s3, name));
                                     done(context.cloud, bucket, object, [](Seen& now) { now.exists = true; });
                                     return {};
                                 }));
    if (!seen.blocked)
        changes.push_back(change("bucket's public access", "possible", "blocked", "block public access of", name,
                                 [this, &s3, &bucket, name, object](CloudContext& context) -> Result<void> {
                                     NB_CHECK(
                                         once_known_everywhere(context, [&] { return s3.block_public_access(name); }));
                                     done(context.cloud, bucket, object, [](Seen& now) { now.blocked = true; });
                                     return {};
                                 }));
    S3::Tags tags = seen.tags;
    std::string missing;
    for (const auto& [key, value] : tags_of(config_, "binary", "binary")) {
        if (std::find(tags.begin(), tags.end(), std::pair(key, value)) != tags.end()) continue;
        std::erase_if(tags, [&key = key](const auto& tag) { return tag.first == key; });
        tags.emplace_back(key, value);
        missing += fmt::format("{}{}={}", missing.empty() ? "" : ", ", key, value);
    }
    if (missing.empty()) return;
    changes.push_back(change("bucket tags", "missing", missing, "tag bucket", name,
                             [this, &s3, &bucket, name, object, tags](CloudContext& context) -> Result<void> {
                                 NB_CHECK(once_known_everywhere(context, [&] { return s3.tag_bucket(name, tags); }));
                                 done(context.cloud, bucket, object, [&](Seen& now) { now.tags = tags; });
                                 return {};
                             }));
    std::get<CloudProcedure>(changes.back().action).beside = !seen.blocked;
}

Result<CloudChanges> Binary::plan(const CloudView& view) {
    Bucket& in = *NB_TRY(bucket(view));
    const S3Object object = NB_TRY(object_in(in));
    const File& from = *NB_TRY(file());
    const Seen seen = NB_TRY(this->seen(view, in, object));
    CloudChanges changes;
    if (!in.given) plan_bucket(changes, in, object, seen);
    // The key holds the digest; S3's own is told where the upload carried it.
    if (!seen.object || (!seen.object->sha256.empty() && seen.object->sha256 != from.sha256))
        changes.push_back(upload(in, object, from, seen.object ? "another" : "absent"));
    return changes;
}

CloudChange Binary::upload(Bucket& in, const S3Object& object, const File& from, const char* is) {
    return change("nodeboot", is, short_key(object.text()), "upload", from.path,
                  [this, &in, object, from](CloudContext& context) -> Result<void> {
                      std::uint64_t told = 0, size = 0;  // tenths; bytes
                      const auto progress = [&](std::uint64_t sent, std::uint64_t total) {
                          size = total;
                          if (total == 0 || sent * 10 / total == told) return;
                          told = sent * 10 / total;
                          context.step.progress(fmt::format("uploading, {} %", told * 10));
                      };
                      NB_CHECK(once_known_everywhere(
                          context, [&] { return in.s3->put_file(object, from.path, from.sha256, progress); }));
                      done(context.cloud, in, object, [&](Seen& now) { now.object = S3Head{size, from.sha256}; });
                      return {};
                  });
}

Result<CloudChanges> Binary::plan_removal(const CloudView& view) {
    CloudChanges changes;
    const bool uploads = config_.binary.source == BinaryOrigin::s3;
    if (uploads && !config_.binary.bucket.empty()) {
        Bucket& lent = *NB_TRY(bucket(view));
        if (NB_TRY(lent.s3->bucket_exists(lent.name)))
            NB_CHECK(plan_removal_of_objects(changes, lent, key_in(lent, "")));
    }
    // The settings may have been others when the cluster was made.
    const bool expected = uploads && config_.binary.bucket.empty();
    const auto planned = plan_removal_of_own_bucket(changes, view);
    // Who makes no bucket need not be allowed to look for one.
    if (!planned && (expected || planned.error().kind != ErrorKind::permission)) return fail(planned.error());
    return changes;
}

Result<void> Binary::plan_removal_of_objects(CloudChanges& changes, Bucket& in, const std::string& prefix) {
    for (const auto& item : NB_TRY(in.s3->list(in.name, prefix))) {
        const S3Object object{in.name, item.key};
        changes.push_back(change("object " + short_key(item.key), "present", "gone", "delete", object.text(),
                                 [&s3 = *in.s3, object](CloudContext&) { return s3.remove(object); }));
    }
    return {};
}

/// One without the cluster's tag is that of a launcher that was killed before it set it, or somebody else's: then it
/// holds something else, and stays.
Result<void> Binary::plan_removal_of_own_bucket(CloudChanges& changes, const CloudView& view) {
    const auto account = NB_TRY(account_of(view));
    if (!own_bucket_) own_bucket_ = std::make_unique<Bucket>(make_own_bucket(view, account));
    S3& s3 = *own_bucket_->s3;
    const std::string name = own_bucket_->name;
    if (!NB_TRY(s3.bucket_exists(name))) return {};
    const S3::Tags tags = NB_TRY(s3.bucket_tags(name));
    const bool tagged = std::find(tags.begin(), tags.end(),
                                  std::pair(std::string("nodeboot.io/cluster"), config_.cluster.name)) != tags.end();
    const std::string ours = key_in(*own_bucket_, "");
    for (const auto& item : NB_TRY(s3.list(name, "")))
        if (!tagged && !item.key.starts_with(ours))
            return fail(ErrorKind::conflict,
                        fmt::format("bucket {} does not bear this cluster's tag, and holds what nodeboot did not put "
                                    "there: {}",
                                    name, item.key),
                        "if it is nobody else's, empty it; then run `nodeboot cluster down` again");
    NB_CHECK(plan_removal_of_objects(changes, *own_bucket_, tagged ? "" : ours));
    changes.push_back(change("bucket " + name, "present", "gone", "delete bucket", name,
                             [&s3, name](CloudContext&) { return s3.remove_bucket(name); }));
    return {};
}

void add_binary(CloudPhases& phases, const Config& config, std::shared_ptr<Binary> binary) {
    if (config.binary.source != BinaryOrigin::s3) return;
    phases.push_back(
        make_cloud_phase({"binary", "nodeboot itself, in a private bucket for the nodes", {}, std::chrono::minutes(20)},
                         [binary](const CloudView& view) { return binary->plan(view); }));
}

void add_binary_removal(CloudPhases& phases, std::shared_ptr<Binary> binary) {
    phases.push_back(make_cloud_phase(
        {"binary", "what was uploaded for the nodes, and its bucket", {"instances"}, std::chrono::minutes(5)},
        [binary](const CloudView& view) { return binary->plan_removal(view); }));
}

}  // namespace nodeboot
