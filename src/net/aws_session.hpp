#pragma once

#include <memory>

#include "net/aws_client.hpp"

namespace nodeboot {

struct AwsSessionOptions {
    std::string region;        ///< empty: resolve_region
    std::string profile;       ///< empty: see make_credential_chain
    std::string endpoint_url;  ///< empty: resolve_endpoints
    ReadEnvironment environment = process_environment;
    ReadFile read_file;
    RunProgram run_program;  ///< absent on nodes: nothing there uses credential_process
    /// How long a missing metadata service is waited for: minutes on a node that boots, a second on an operator's
    /// machine, which may be an EC2 instance or not.
    ImdsOptions imds;
    bool imds_may_be_absent = false;  ///< as in CredentialOptions
    std::stop_token stop{};           ///< of calls that bring none of their own; empty: those end with their patience
};

/// Everything that a call of AWS needs, found where AWS's own tools look: region, endpoints, credentials.
class AwsSession {
   public:
    virtual ~AwsSession() = default;
    virtual AwsClient& client() = 0;
    virtual CredentialSource& credentials() = 0;
};

/// Asks the metadata service only for a region that is set nowhere else; credentials are looked up at the first call.
/// `http`, `clock` and `log` have to live longer.
Result<std::unique_ptr<AwsSession>> open_aws_session(Http& http, Clock& clock, AwsSessionOptions options,
                                                     const Log* log = nullptr);

}  // namespace nodeboot
