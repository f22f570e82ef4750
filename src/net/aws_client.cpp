#include "net/aws_client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "net/aws_endpoint.hpp"

namespace nodeboot {
namespace {

/// Below the 5 minutes that AWS tolerates.
constexpr Duration tolerated = std::chrono::minutes(4);

}  // namespace

AwsClient::AwsClient(Http& http, Clock& clock, CredentialSource& credentials, AwsClientOptions options, const Log* log)
    : http_(http), clock_(clock), credentials_(credentials), options_(std::move(options)), log_(log) {}

/// How one call is doing over its attempts.
struct AwsClient::Attempt {
    unsigned number = 1;
    bool clock_corrected = false;
    bool credentials_renewed = false;
    Duration::rep signed_with = 0;  ///< the skew; another call may have corrected it since
    Deadline deadline{};
    std::string last_logged{};
};

Result<HttpRequest> AwsClient::signed_request(const AwsCall& call) {
    NB_CHECK(check_region(options_.region));
    const AwsEndpoint endpoint = aws_endpoint(call.service, options_.region, options_.endpoints, call.bucket);
    NB_CHECK(check_aws_endpoint(endpoint.url));
    const bool s3 = call.service == "s3";
    HttpRequest request = call.request;
    request.url = endpoint.url + call.request.url;
    const auto credentials = NB_TRY_CONTEXT(credentials_.get(), "AWS credentials");
    NB_CHECK(sign_v4(request, credentials,
                     {.region = endpoint.signing_region,
                      .service = call.service,
                      .time = clock_.wall() + Duration(skew_.load()),
                      .content_sha256_header = s3,
                      .path_as_is = s3,
                      .payload_sha256 = call.payload_sha256}));
    return request;
}

Result<HttpResponse> AwsClient::send_once(const AwsCall& call, Duration patience, bool& sent) {
    auto request = NB_TRY(signed_request(call));
    request.timeout = std::clamp<Duration>(patience, std::chrono::seconds(1), request.timeout);
    sent = true;
    return http_.send(request, stop_of(call));
}

std::stop_token AwsClient::stop_of(const AwsCall& call) const {
    return call.stop.stop_possible() ? call.stop : options_.stop;
}

/// True when the request was signed with a clock that is off by more than AWS tolerates (5 minutes), and now is not.
bool AwsClient::correct_clock(const HttpResponse& response, const Attempt& state) {
    const auto theirs = server_time(response);
    if (!theirs) return false;
    const Duration skew = *theirs - clock_.wall();
    const auto far_from = [&](Duration::rep other) { return std::chrono::abs(skew - Duration(other)) >= tolerated; };
    if (!far_from(state.signed_with)) return false;
    const bool news = far_from(skew_.exchange(skew.count()));
    if (log_ != nullptr && news)
        log_->warning(fmt::format("this machine's clock is {} {} AWS's; requests are signed with AWS's time",
                                  format_duration(skew < Duration::zero() ? -skew : skew),
                                  skew < Duration::zero() ? "ahead of" : "behind"));
    return true;
}

/// What there is to do about a fault before anybody waits: correct the clock, fetch credentials anew; each once.
bool AwsClient::mend(const AwsCall& call, const AwsFault& fault, const HttpResponse& response, Attempt& state) {
    // S3 answers a HEAD without words: 400 of an expired token, 403 of an unknown key or a wrong clock.
    const bool wordless = call.request.method == "HEAD" && (fault.status == 400 || fault.status == 403);
    const bool clock = wordless || classify(fault) == FaultClass::clock_skew;
    if (clock && !state.clock_corrected && correct_clock(response, state)) return state.clock_corrected = true;
    if ((!wordless && !may_be_credentials(fault)) || state.credentials_renewed) return false;
    credentials_.discard();
    return state.credentials_renewed = true;
}

Result<void> AwsClient::wait(const AwsCall& call, const Attempt& state, std::optional<Duration> asked, Error error) {
    const Duration left = state.deadline.remaining(clock_);
    Duration delay = backoff_delay(aws_backoff, state.number, options_.random());
    delay = asked ? std::max(delay, *asked) : std::min(delay, left);  // the last attempt is made at the deadline
    if (left == Duration::zero() || delay > left) {
        error.kind = ErrorKind::timeout;
        return fail(std::move(error).with_context(
            fmt::format("gave up after {} attempts in {}", state.number, format_duration(call.patience))));
    }
    return clock_.sleep(delay, stop_of(call));
}

Result<std::variant<HttpResponse, AwsFault>> AwsClient::send(const AwsCall& call) {
    Attempt state{.deadline = Deadline::after(clock_, call.patience)};
    for (;; ++state.number) {
        bool sent = false;
        state.signed_with = skew_.load();
        auto response = send_once(call, state.deadline.remaining(clock_), sent);
        std::optional<Duration> asked;
        Error error;
        if (response && response->ok() && call.accept) {
            if (auto accepted = call.accept(*response); !accepted) response = fail(std::move(accepted).error());
        }
        if (!response) {
            error = std::move(response).error().with_context(call.what);
            if (!is_no_answer(error) || !call.retry || (sent && !call.repeatable && !error.unsent))
                return fail(std::move(error));
        } else if (response->ok()) {
            return std::variant<HttpResponse, AwsFault>(*std::move(response));
        } else {
            AwsFault fault = call.parse_fault(*response);
            const FaultClass found = classify(fault);
            if (mend(call, fault, *response, state)) continue;
            const bool again = found == FaultClass::throttled || found == FaultClass::transient;
            if (found == FaultClass::bad_credentials || found == FaultClass::clock_skew)
                fault.message += fmt::format(" (credentials: {})", credentials_.describe());
            if (!again || !call.retry) return std::variant<HttpResponse, AwsFault>(std::move(fault));
            error = fault_error(call.what, fault);
            if (found == FaultClass::transient && !call.repeatable) return fail(std::move(error));
            asked = asked_delay(*response);
        }
        if (log_ != nullptr && state.last_logged != error.text()) {
            state.last_logged = error.text();
            log_->debug(fmt::format("{}; trying again", error.text()));
        }
        NB_CHECK(wait(call, state, asked, std::move(error)));
    }
}

Result<HttpResponse> AwsClient::send_checked(const AwsCall& call) {
    auto answer = NB_TRY(send(call));
    if (const auto* fault = std::get_if<AwsFault>(&answer)) return fail(fault_error(call.what, *fault));
    return std::get<HttpResponse>(std::move(answer));
}

AwsCall json_call(const std::string& service, const std::string& target, const std::string& action,
                  const nlohmann::json& body) {
    AwsCall call;
    call.service = service;
    call.what = fmt::format("{} {}", service, action);
    call.request.method = "POST";
    call.request.url = "/";
    call.request.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", target + "." + action}};
    call.request.body = Secret(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return call;
}

}  // namespace nodeboot
