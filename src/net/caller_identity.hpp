#pragma once

#include <string>

#include "net/query_api.hpp"

namespace nodeboot {

/// Who the credentials belong to (sts:GetCallerIdentity, which needs no permission).
struct CallerIdentity {
    std::string account;  ///< twelve digits
    std::string arn;      ///< "arn:aws:iam::123456789012:user/ada"
};
Result<CallerIdentity> caller_identity(QueryApi& api, const QueryOptions& options = {});

}  // namespace nodeboot
