#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/http.hpp"
#include "net/sigv4.hpp"

namespace nodeboot {

struct ImdsOptions {
    std::string endpoint = "http://169.254.169.254";
    Duration deadline = std::chrono::minutes(2);  ///< for a required key
    Random random = system_random();
    std::stop_token stop;
};

/// The EC2 instance metadata service, version 2 only (a session token for each read). At first boot it may refuse or
/// say 404 for a while (amazon-eks-ami#1970): required keys are retried until the deadline, optional keys are
/// believed when they are absent. Thread-safe.
class Imds {
   public:
    Imds(Http& http, Clock& clock, ImdsOptions options);

    /// `path` below /latest/, e.g. "meta-data/instance-id". Empty answers count as not there yet.
    Result<std::string> required(const std::string& path);
    /// Empty optional on 404. Network trouble is retried for a few seconds only, then `unavailable`.
    Result<std::optional<std::string>> optional(const std::string& path);

    Result<std::string> region();
    Result<std::string> instance_id();
    /// The private DNS name, "ip-10-0-1-5.eu-central-1.compute.internal"; may come late (amazon-eks-ami#1383).
    Result<std::string> local_hostname();
    Result<std::string> local_ipv4();
    Result<std::string> availability_zone();
    /// Needs InstanceMetadataTags=enabled; empty optional when the tag, or that setting, is not there.
    Result<std::optional<std::string>> tag(const std::string& name);
    /// Of the instance profile's role. They may be 404 for a while after launch: retried like a required key.
    Result<AwsCredentials> role_credentials();

   private:
    Result<Secret> token();
    Result<HttpResponse> get(const std::string& path);
    Result<std::optional<std::string>> get_once(const std::string& path);
    Result<std::string> wait_for(const std::string& path, Deadline deadline);

    Http& http_;
    Clock& clock_;
    ImdsOptions options_;
    std::mutex mutex_;
    Secret token_;
    SteadyTime token_until_{};
};

/// {"Code":"Success","AccessKeyId":…} of the metadata service. `unavailable` for any other code.
Result<AwsCredentials> parse_role_credentials(std::string_view document);

}  // namespace nodeboot
