#pragma once

#include <string>
#include <vector>

#include "base/config.hpp"

namespace nodeboot {

struct Setting;

/// What looks like a secret in a configuration that others will be able to read: user-data may be read by whoever may
/// describe the instance, an image by whoever may launch it. Settings by name, with what was found; never its value.
/// Finds registry credentials in `containerd.extra_config`, and private keys, AWS access keys and bootstrap tokens
/// anywhere. What does not look like one of these is not found.
std::vector<std::string> secrets_in(const Config& config);

/// The same for one setting: what was found in it ("a private key"), or nothing.
std::string secret_in(const Setting& setting, const Config& config);

}  // namespace nodeboot
