#include "net/aws_session.hpp"

namespace nodeboot {
namespace {

class Session final : public AwsSession {
   public:
    Session(Http& http, Clock& clock, ImdsOptions imds) : imds_(http, clock, std::move(imds)) {}

    AwsClient& client() override { return *client_; }
    CredentialSource& credentials() override { return *credentials_; }

    Imds imds_;
    std::unique_ptr<CredentialSource> credentials_;
    std::unique_ptr<AwsClient> client_;
};

}  // namespace

Result<std::unique_ptr<AwsSession>> open_aws_session(Http& http, Clock& clock, AwsSessionOptions options,
                                                     const Log* log) {
    auto session = std::make_unique<Session>(http, clock, options.imds);
    const CredentialOptions where{.profile = options.profile,
                                  .environment = std::move(options.environment),
                                  .read_file = std::move(options.read_file),
                                  .run_program = std::move(options.run_program),
                                  .http = &http,
                                  .imds = &session->imds_,
                                  .imds_may_be_absent = options.imds_may_be_absent};
    AwsClientOptions client;
    client.endpoints = NB_TRY(resolve_endpoints(options.endpoint_url, where));
    client.region = NB_TRY(resolve_region(options.region, where));
    client.random = options.imds.random;
    client.stop = options.stop;
    session->credentials_ = make_credential_chain(clock, where);
    session->client_ = std::make_unique<AwsClient>(http, clock, *session->credentials_, std::move(client), log);
    return std::unique_ptr<AwsSession>(std::move(session));
}

}  // namespace nodeboot
