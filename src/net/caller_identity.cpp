#include "net/caller_identity.hpp"

namespace nodeboot {

Result<CallerIdentity> caller_identity(QueryApi& api, const QueryOptions& options) {
    const Xml answer = NB_TRY(checked(api, "sts", "GetCallerIdentity", {}, options));
    CallerIdentity identity{answer.text_at("Account"), answer.text_at("Arn")};
    if (identity.account.empty() || identity.arn.empty())
        return fail(ErrorKind::corrupted, "sts GetCallerIdentity: the answer names no account");
    return identity;
}

}  // namespace nodeboot
