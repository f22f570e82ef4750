#pragma once

#include <optional>
#include <string>

#include "net/http.hpp"

namespace nodeboot {

/// Where the answer to a request for `url` sends it on to (301, 302, 303, 307, 308 with a Location); empty when it does
/// not. `refused` when that would leave https. Who follows takes no credentials to another host.
Result<std::optional<std::string>> redirected(const std::string& url, const HttpResponse& response);

}  // namespace nodeboot
