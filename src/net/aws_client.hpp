#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>

#include "base/log.hpp"
#include "net/aws_endpoint.hpp"
#include "net/aws_retry.hpp"
#include "net/credentials.hpp"
#include "net/http.hpp"

namespace nodeboot {

struct AwsClientOptions {
    std::string region;
    AwsEndpointOverride endpoints{};
    Random random = system_random();
    std::stop_token stop{};  ///< of calls that bring none of their own
};

/// One call of an AWS API, whatever its protocol.
struct AwsCall {
    std::string service;  ///< endpoint prefix and signing name: "ssm"
    std::string what;     ///< for errors: "ssm GetParameter /nodeboot/demo/join"
    /// S3: part of AWS's own host name; of the path where the endpoint is overridden.
    std::string bucket;
    std::string payload_sha256;  ///< hex, of request.upload_file
    HttpRequest request;         ///< `url` holds path and query only: "/"
    AwsFault (*parse_fault)(const HttpResponse&) = parse_json_fault;
    /// Looks at a 2xx answer; its `unavailable` counts as a lost answer (an unreadable body).
    std::function<Result<void>(const HttpResponse&)> accept;

    bool retry = true;  ///< false: one attempt; for callers with a schedule of their own
    /// False: after a lost answer or a 5xx, when the call may have been carried out, it is not sent again. Such an end is
    /// an Error (`unavailable` or `timeout`); throttling, which says that nothing was done, is waited out all the same, and
    /// so is a name that does not resolve or a connection that is refused (`unsent`).
    bool repeatable = true;
    Duration patience = std::chrono::seconds(60);  ///< for all attempts together
    std::stop_token stop;
};

/// Signed calls with the retry rules of aws_retry.hpp: transient faults and throttling until the deadline, the clock
/// corrected once, credentials fetched anew once. Thread-safe.
class AwsClient {
   public:
    AwsClient(Http& http, Clock& clock, CredentialSource& credentials, AwsClientOptions options,
              const Log* log = nullptr);

    /// The answer, or the fault that no retry mends. Error: no answer before the deadline.
    Result<std::variant<HttpResponse, AwsFault>> send(const AwsCall& call);
    /// A fault is an Error.
    Result<HttpResponse> send_checked(const AwsCall& call);
    /// The request as `send` would send it now, for those who send it themselves.
    Result<HttpRequest> signed_request(const AwsCall& call);

    const std::string& region() const { return options_.region; }
    Http& http() { return http_; }
    Clock& clock() { return clock_; }

   private:
    struct Attempt;
    Result<HttpResponse> send_once(const AwsCall& call, Duration patience, bool& sent);
    std::stop_token stop_of(const AwsCall& call) const;
    bool correct_clock(const HttpResponse& response, const Attempt& state);
    bool mend(const AwsCall& call, const AwsFault& fault, const HttpResponse& response, Attempt& state);
    Result<void> wait(const AwsCall& call, const Attempt& state, std::optional<Duration> asked, Error error);

    Http& http_;
    Clock& clock_;
    CredentialSource& credentials_;
    AwsClientOptions options_;
    const Log* log_;
    std::atomic<Duration::rep> skew_{0};  ///< AWS's clock minus ours
};

/// The JSON 1.1 protocol (SSM): POST / with X-Amz-Target "<target>.<action>".
AwsCall json_call(const std::string& service, const std::string& target, const std::string& action,
                  const nlohmann::json& body);

}  // namespace nodeboot
