#pragma once

#include <memory>
#include <string>

#include "net/join_store.hpp"
#include "net/ssm.hpp"

namespace nodeboot {

/// A JoinStore in SSM Parameter Store: /nodeboot/<cluster>/join (SecureString).
/// `fetch` makes one attempt only, since those who wait for it have a schedule of their own (join_wait.hpp); a
/// throttled one is an Error with `throttled` set.
std::unique_ptr<JoinStore> make_ssm_join_store(AwsClient& client, const std::string& cluster);

}  // namespace nodeboot
