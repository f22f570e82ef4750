#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "net/aws_client.hpp"

namespace nodeboot {

/// AWS Systems Manager Parameter Store, as far as nodeboot uses it. Values never appear in errors.
class Ssm {
   public:
    explicit Ssm(AwsClient& client) : client_(client) {}

    struct Options {
        bool retry = true;  ///< see AwsCall
        std::stop_token stop;
    };
    /// Decrypted. Empty optional when there is no such parameter.
    Result<std::optional<Secret>> get(const std::string& name, const Options& options) const;
    Result<std::optional<Secret>> get(const std::string& name) const { return get(name, Options{}); }

    /// A String parameter, as AWS's public ones (/aws/service/…) are: not decrypted, no secret.
    Result<std::optional<std::string>> get_plain(const std::string& name, const Options& options) const;

    enum class Type { string, secure_string };  ///< a SecureString is encrypted with the account's aws/ssm key
    enum class Overwrite { no, yes };
    /// False when the parameter exists and must not be overwritten: a first-writer election. Because a lost answer is
    /// retried, false may also mean that we wrote it just before: read it to know.
    Result<bool> put(const std::string& name, const Secret& value, Type type, Overwrite overwrite);
    /// Absent is success.
    Result<void> remove(const std::string& name);
    /// Full names of all parameters below a path, on all pages. Nothing is decrypted.
    Result<std::vector<std::string>> names_below(const std::string& path) const;

   private:
    Result<std::optional<std::string>> value_of(const std::string& name, const Options& options, bool decrypt) const;
    AwsClient& client_;
};

}  // namespace nodeboot
