#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/aws_endpoint.hpp"
#include "net/imds.hpp"
#include "net/kubeconfig.hpp"  // ReadFile
#include "net/sigv4.hpp"

namespace nodeboot {

/// Where AWS credentials come from. Thread-safe; `get` is cheap while what it gave last is good for some minutes.
class CredentialSource {
   public:
    virtual ~CredentialSource() = default;
    virtual Result<AwsCredentials> get() = 0;
    /// AWS called them expired or unknown: do not give them again from memory.
    virtual void discard() = 0;
    /// For people: "environment", "profile demo", "instance role".
    virtual std::string describe() const = 0;
};

using ReadEnvironment = std::function<std::optional<std::string>(const std::string& name)>;
/// Runs argv (no shell) and gives its standard output.
using RunProgram = std::function<Result<Secret>(const std::vector<std::string>& argv)>;

/// What lies at AWS_CONTAINER_CREDENTIALS_FULL_URI or _RELATIVE_URI; empty optional when neither is set. The address must
/// be https, loopback or AWS's own link-local ones. docs.aws.amazon.com, "Container credential provider".
struct CredentialOptions;
Result<std::optional<AwsCredentials>> container_credentials(const CredentialOptions& options);

std::optional<std::string> process_environment(const std::string& name);

struct CredentialOptions {
    std::string profile;  ///< asked for by name: then nothing else is tried
    ReadEnvironment environment = process_environment;
    ReadFile read_file;      ///< absent: no shared config files
    RunProgram run_program;  ///< absent: credential_process is refused
    Http* http = nullptr;    ///< absent: no container's role
    Imds* imds = nullptr;    ///< absent: no instance role; nor with AWS_EC2_METADATA_DISABLED=true
    /// This machine may be no instance: where the metadata service does not answer, there is no role and no region, and
    /// that is final. False: it will answer.
    bool imds_may_be_absent = false;
};

/// The first of: the profile asked for; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN); the
/// profile of AWS_PROFILE or "default" in ~/.aws/credentials and ~/.aws/config (static keys or credential_process; an
/// SSO or role_arn profile is refused with the way around it, also where it holds keys: these are then another
/// identity's); a container's role (ECS, EKS pod identity, CodeBuild);
/// the instance's role. Temporary ones are renewed 10 minutes before they expire; when that fails the old ones serve
/// until their last minute.
std::unique_ptr<CredentialSource> make_credential_chain(Clock& clock, CredentialOptions options);

/// Always the same.
std::unique_ptr<CredentialSource> make_static_credentials(AwsCredentials credentials);

/// AWS_PROFILE, where it is set to anything.
std::optional<std::string> profile_of_environment(const CredentialOptions& options);

/// One section's settings of ~/.aws/config and ~/.aws/credentials together; the latter wins. Empty when neither has it.
using AwsProfile = std::map<std::string, std::string>;
Result<AwsProfile> read_aws_profile(const CredentialOptions& options, const std::string& profile);

/// INI as the AWS tools write it: [section], key = value, # and ; comments; indented (nested) lines are skipped.
std::map<std::string, AwsProfile> parse_aws_ini(std::string_view text);

/// `configured`, else AWS_REGION, AWS_DEFAULT_REGION, the profile's region, the instance's own.
Result<std::string> resolve_region(const std::string& configured, const CredentialOptions& options);

/// `configured` for every service, else AWS_ENDPOINT_URL_<SERVICE> and AWS_ENDPOINT_URL, else the profile's
/// endpoint_url; nothing of the last three with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true. Every one is checked.
Result<AwsEndpointOverride> resolve_endpoints(const std::string& configured, const CredentialOptions& options);

}  // namespace nodeboot
