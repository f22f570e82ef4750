#pragma once

#include <memory>
#include <mutex>

#include "base/instance_type.hpp"
#include "launch/iam.hpp"
#include "launch/parts.hpp"
#include "launch/user_data.hpp"
#include "net/s3.hpp"

namespace nodeboot {

using S3Factory = std::function<std::unique_ptr<S3>(S3Options)>;

/// How nodeboot gets onto the instances, as the configuration says; with source s3 also the private bucket and the object in
/// it. The file is read once; the account is asked for at the first use. Thread-safe.
class Binary {
   public:
    struct Options {
        std::string region;
        std::string own;  ///< the program that runs: what is uploaded unless binary.file says otherwise
        S3Factory make_s3;
    };
    Binary(const Config& config, Options options);  ///< `config` outlives it
    ~Binary();

    /// For user-data.
    Result<BinarySource> source(const CloudView& view);
    /// "bucket/key" for the nodes' policies; nothing unless it comes from S3.
    Result<std::optional<std::string>> object(const CloudView& view);

    Result<CloudChanges> plan(const CloudView& view);
    /// Asks what `plan` will need, side by side.
    Result<void> look_ahead(const CloudView& view);
    /// What this cluster uploaded, and the bucket that it made, also when the configuration has given another since.
    /// `conflict` for one of that name that is not tagged and holds anything else.
    Result<CloudChanges> plan_removal(const CloudView& view);

   private:
    struct Bucket;
    struct File;
    struct Seen;
    Result<Bucket*> bucket(const CloudView& view);
    Result<const File*> file();
    std::string key_in(const Bucket& bucket, const std::string& sha256) const;
    Result<S3Object> object_in(const Bucket& bucket);
    Result<Seen> look(Bucket& bucket, const S3Object& object) const;
    Result<Seen> seen(const CloudView& view, Bucket& bucket, const S3Object& object) const;
    void done(Cloud& cloud, Bucket& bucket, const S3Object& object, const std::function<void(Seen&)>& what);
    void plan_bucket(CloudChanges& changes, Bucket& bucket, const S3Object& object, const Seen& seen);
    CloudChange upload(Bucket& in, const S3Object& object, const File& from, const char* is);
    Bucket make_own_bucket(const CloudView& view, const std::string& account) const;
    Result<void> plan_removal_of_objects(CloudChanges& changes, Bucket& bucket, const std::string& prefix);
    Result<void> plan_removal_of_own_bucket(CloudChanges& changes, const CloudView& view);

    const Config& config_;
    Options options_;
    std::mutex mutex_;
    std::unique_ptr<Bucket> bucket_, own_bucket_;
    std::unique_ptr<File> file_;
};

/// Phases "binary": of making, none where nothing is uploaded, and of removal.
void add_binary(CloudPhases& phases, const Config& config, std::shared_ptr<Binary> binary);
void add_binary_removal(CloudPhases& phases, std::shared_ptr<Binary> binary);

/// `invalid_input` for a file that would not run on the instances: no static ELF executable, or of another architecture.
Result<void> check_executable(const std::string& path, Architecture architecture);

}  // namespace nodeboot
