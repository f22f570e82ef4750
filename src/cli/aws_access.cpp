#include "cli/aws_access.hpp"

#include <unistd.h>

#include "net/aws_session.hpp"
#include "net/kubeconfig.hpp"

namespace nodeboot::cli {
namespace {

/// All of this process' environment, as every AWS SDK gives it to a credential_process: the program looks for the
/// operator's profiles in HOME, for itself in PATH, and for a proxy.
std::vector<std::string> operators_environment() {
    std::vector<std::string> lines;
    for (char** line = environ; line != nullptr && *line != nullptr; ++line) lines.emplace_back(*line);
    return lines;
}

class SessionAccess final : public AwsAccess {
   public:
    SessionAccess(std::unique_ptr<Http> http) : http_(std::move(http)) {}

    Result<void> open(const Config& config, Host& host, Clock& clock, const Log& log, const std::stop_token& stop) {
        session_ = NB_TRY(open_aws_session(
            *http_, clock,
            {.region = config.cluster.region,
             .endpoint_url = config.aws.endpoint_url,
             .read_file = read_through(host),
             .run_program = [&host](const std::vector<std::string>& argv) -> Result<Secret> {
                 auto output = NB_TRY(run_checked(
                     host, {.argv = argv, .environment = operators_environment(), .output_is_secret = true}));
                 return Secret(std::move(output.out));
             },
             // An operator's machine may be an instance or not: a second tells.
             .imds = {.endpoint = config.aws.imds_endpoint, .deadline = std::chrono::seconds(1), .stop = stop},
             .imds_may_be_absent = true},
            &log));
        query_ = make_query_api(session_->client());
        parameters_ = make_ssm_parameters(session_->client());
        return {};
    }

    QueryApi& query() override { return *query_; }
    std::unique_ptr<S3> make_s3(S3Options options) override {
        return nodeboot::make_s3(session_->client(), std::move(options));
    }
    ParameterStore& parameters() override { return *parameters_; }
    const std::string& region() const override { return session_->client().region(); }

   private:
    std::unique_ptr<Http> http_;
    std::unique_ptr<AwsSession> session_;
    std::unique_ptr<QueryApi> query_;
    std::unique_ptr<ParameterStore> parameters_;
};

}  // namespace

AwsFactory aws_access_factory(Host& host, Clock& clock) {
    return [&](const Config& config, const Log& log, std::stop_token stop) -> Result<std::unique_ptr<AwsAccess>> {
        auto access = std::make_unique<SessionAccess>(make_curl_http({.ca_file = config.aws.ca_file}));
        NB_CHECK(access->open(config, host, clock, log, stop));
        return access;
    };
}

}  // namespace nodeboot::cli
