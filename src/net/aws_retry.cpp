#include "net/aws_retry.hpp"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "base/years.hpp"

namespace nodeboot {
namespace {

template <std::size_t N>
bool one_of(std::string_view code, const std::array<std::string_view, N>& codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

constexpr std::array<std::string_view, 12> throttling{"Throttling",
                                                      "ThrottlingException",
                                                      "ThrottledException",
                                                      "TooManyRequestsException",
                                                      "RequestThrottled",
                                                      "RequestThrottledException",
                                                      "RequestLimitExceeded",
                                                      "EC2ThrottledException",
                                                      "BandwidthLimitExceeded",
                                                      "LimitExceededException",
                                                      "SlowDown",
                                                      "ProvisionedThroughputExceededException"};
constexpr std::array<std::string_view, 10> passing{"TransactionInProgressException",
                                                   "RequestTimeout",
                                                   "RequestTimeoutException",
                                                   "PriorRequestNotComplete",
                                                   "InternalServerError",
                                                   "InternalFailure",
                                                   "InternalError",
                                                   "ServiceUnavailable",
                                                   "Unavailable",
                                                   "OperationAborted"};
constexpr std::array<std::string_view, 6> skew{"RequestExpired",        "RequestInTheFuture",
                                               "RequestTimeTooSkewed",  "InvalidSignatureException",
                                               "SignatureDoesNotMatch", "AuthFailure"};
constexpr std::array<std::string_view, 6> credentials{
    "ExpiredToken",         "ExpiredTokenException", "UnrecognizedClientException",
    "InvalidClientTokenId", "InvalidToken",          "InvalidAccessKeyId"};  // the last one is S3's
constexpr std::array<std::string_view, 7> forbidden{
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "OptInRequired",
    "Blocked",      "PendingVerification"};
/// In a code: what was asked for contradicts what is there, or there is none left of it.
constexpr std::array<std::string_view, 11> contradicting{
    "AlreadyExists",          "Duplicate",      "InUse",        "Conflict",          "AlreadyAssociated", "Violation",
    "IncorrectInstanceState", "IncorrectState", "Insufficient", "ParameterMismatch", "AlreadyOwnedByYou"};

/// A zone or a pool has run dry. EC2 answers so with status 500, yet the same call again is refused again.
bool out_of_capacity(const AwsFault& fault) { return fault.code.starts_with("Insufficient"); }

/// "VpcLimitExceeded", "LimitExceeded" (IAM): the account's quota.
bool over_quota(const AwsFault& fault) {
    return classify(fault) == FaultClass::final && fault.code.ends_with("LimitExceeded");
}

std::optional<long> number(const std::optional<std::string>& text) {
    long value = 0;
    if (!text) return std::nullopt;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size() || value < 0) return std::nullopt;
    return value;
}

ErrorKind kind_of(const AwsFault& fault) {
    switch (classify(fault)) {
        case FaultClass::transient:
        case FaultClass::throttled: return ErrorKind::unavailable;
        case FaultClass::clock_skew:
        case FaultClass::bad_credentials: return ErrorKind::permission;
        case FaultClass::final: break;
    }
    const auto has = [&](std::string_view part) { return fault.code.find(part) != std::string::npos; };
    if (one_of(fault.code, forbidden) || fault.status == 403) return ErrorKind::permission;
    if (has("NotFound") || has("NoSuch") || fault.status == 404) return ErrorKind::not_found;
    if (over_quota(fault)) return ErrorKind::permission;
    if (std::any_of(contradicting.begin(), contradicting.end(), has)) return ErrorKind::conflict;
    return ErrorKind::invalid_input;
}

}  // namespace

FaultClass classify(const AwsFault& fault) {
    if (one_of(fault.code, throttling) || fault.status == 429) return FaultClass::throttled;
    if (one_of(fault.code, passing)) return FaultClass::transient;
    if (one_of(fault.code, skew)) return FaultClass::clock_skew;
    if (one_of(fault.code, credentials)) return FaultClass::bad_credentials;
    if (out_of_capacity(fault)) return FaultClass::final;
    const bool server = fault.status == 500 || fault.status == 502 || fault.status == 503 || fault.status == 504;
    return server ? FaultClass::transient : FaultClass::final;
}

bool may_be_credentials(const AwsFault& fault) {
    return classify(fault) == FaultClass::bad_credentials || fault.code == "RequestExpired" ||
           fault.code == "AuthFailure";
}

std::optional<Duration> asked_delay(const HttpResponse& response) {
    constexpr long most = 300;  // seconds; bounded before it becomes nanoseconds, which would overflow
    if (const auto ms = number(response.header("x-amz-retry-after")))
        return std::chrono::milliseconds(std::min(*ms, most * 1000));
    if (const auto s = number(response.header("retry-after"))) return std::chrono::seconds(std::min(*s, most));
    return std::nullopt;
}

std::optional<WallTime> server_time(const HttpResponse& response) {
    const auto text = response.header("date");
    std::tm parts{};
    if (!text || strptime(text->c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) return std::nullopt;
    if (year_of(parts) < first_year || year_of(parts) > last_year) return std::nullopt;  // no clock of AWS's is there
    return WallTime(std::chrono::seconds(timegm(&parts)));
}

AwsFault parse_json_fault(const HttpResponse& response) {
    AwsFault fault;
    fault.status = response.status;
    fault.request_id = response.header("x-amzn-requestid").value_or("");
    fault.code = response.header("x-amzn-errortype").value_or("");
    if (const auto json = parse_json(response.body, "answer")) {
        for (const auto* key : {"__type", "code"})
            if (fault.code.empty()) fault.code = json_string(*json, {key}).value_or("");
        for (const auto* key : {"message", "Message"})
            if (fault.message.empty()) fault.message = json_string(*json, {key}).value_or("");
    }
    fault.code = fault.code.substr(fault.code.rfind('#') + 1);  // "com.amazonaws.ssm#ParameterNotFound"
    fault.code = fault.code.substr(0, fault.code.find(':'));    // "ParameterNotFound:http://…"
    if (fault.code.empty()) fault.code = std::to_string(response.status);
    return fault;
}

Error fault_error(const std::string& what, const AwsFault& fault) {
    Error error{kind_of(fault), fmt::format("{}: {}", what, fault.code), {}, {}};
    // A thousand characters that only sts:DecodeAuthorizationMessage can read.
    const std::string message = fault.message.substr(0, fault.message.find(" Encoded authorization failure message"));
    if (!message.empty()) error.message += ": " + message;
    if (!fault.request_id.empty()) error.message += fmt::format(" (request {})", fault.request_id);
    error.throttled = classify(fault) == FaultClass::throttled;
    if (over_quota(fault))
        error.hint = "ask for a higher quota (AWS console, Service Quotas), or delete what is unused";
    if (out_of_capacity(fault)) error.hint = "another availability zone or instance type may have some";
    if (classify(fault) == FaultClass::bad_credentials)
        error.hint = "they have expired or were revoked: log in again, or give other ones";
    if (classify(fault) == FaultClass::clock_skew)  // EC2 says RequestExpired of temporary credentials, too
        error.hint =
            fault.code == "RequestExpired"
                ? "if these credentials are temporary, log in again; else check this machine's clock"
            : fault.code == "AuthFailure"  // EC2's word for a region that is off, and for keys it does not know
                ? "check that this region is enabled for the account, that temporary credentials come from a "
                  "regional STS endpoint, the secret access key, and this machine's clock"
                : "check this machine's clock, and the secret access key";
    return error;
}

}  // namespace nodeboot
