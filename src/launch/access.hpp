#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "net/query_api.hpp"
#include "net/s3.hpp"

namespace nodeboot {

/// Named texts that all of the cluster see: SSM Parameter Store, or a map in tests. Thread-safe.
class ParameterStore {
   public:
    virtual ~ParameterStore() = default;
    virtual Result<std::optional<Secret>> get(const std::string& name) = 0;
    /// False when it exists and must not be overwritten (see Ssm::put).
    virtual Result<bool> put(const std::string& name, const Secret& value, bool overwrite) = 0;
    virtual Result<void> remove(const std::string& name) = 0;
    /// Full names of those below "/nodeboot/demo/"; values are not fetched.
    virtual Result<std::vector<std::string>> below(const std::string& path) = 0;
    /// An AWS-owned public one, "/aws/service/…".
    virtual Result<std::optional<std::string>> get_public(const std::string& name) = 0;
};

/// AWS with the operator's credentials.
class AwsAccess {
   public:
    virtual ~AwsAccess() = default;
    virtual std::unique_ptr<S3> make_s3(S3Options options) = 0;
    virtual QueryApi& query() = 0;
    virtual ParameterStore& parameters() = 0;
    virtual const std::string& region() const = 0;
};

class AwsClient;
std::unique_ptr<ParameterStore> make_ssm_parameters(AwsClient& client);

}  // namespace nodeboot
