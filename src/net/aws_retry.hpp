#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/http.hpp"

namespace nodeboot {

/// What an AWS service answered instead of a result.
struct AwsFault {
    int status = 0;
    std::string code;     ///< "ParameterNotFound", without namespace; the HTTP status when the body names none
    std::string message;  ///< the service's own
    std::string request_id;
};

/// What to do about a fault: the standard mode of the AWS SDKs (SDKs and Tools Reference Guide, "Retry behavior").
enum class FaultClass {
    final,            ///< a retry cannot help
    transient,        ///< retry with backoff
    throttled,        ///< the same, and slow down; never a reason to give up before the deadline
    clock_skew,       ///< our time is off, or looks so: correct it from the answer's Date once, else final
    bad_credentials,  ///< expired or unknown: fetch them anew once, else final
};
FaultClass classify(const AwsFault& fault);

/// Whether other credentials may help: bad_credentials, and the words that EC2 has for these as for a wrong clock
/// (RequestExpired of expired ones, AuthFailure of unknown ones) once the clock is known to be right.
bool may_be_credentials(const AwsFault& fault);

/// Full jitter, 1 s doubling to 20 s.
inline constexpr Backoff aws_backoff{.first = std::chrono::seconds(1), .ceiling = std::chrono::seconds(20)};

/// Retry-After (seconds) or x-amz-retry-after (milliseconds), at most 5 minutes.
std::optional<Duration> asked_delay(const HttpResponse& response);

/// The Date header (RFC 9110, IMF-fixdate).
std::optional<WallTime> server_time(const HttpResponse& response);

/// {"__type":"ns#Code","message":…}, or the x-amzn-errortype header: the JSON protocols.
AwsFault parse_json_fault(const HttpResponse& response);

/// As an Error: not_found (…NotFound…), conflict (…AlreadyExists, …InUse, DependencyViolation, no capacity left),
/// permission (denied, or over the account's quota), unavailable, else invalid_input.
Error fault_error(const std::string& what, const AwsFault& fault);

}  // namespace nodeboot
