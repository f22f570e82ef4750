#pragma once

#include <string>

#include "launch/parts.hpp"
#include "launch/ssh_key.hpp"

namespace nodeboot {

/// Where keys are looked for on the operator's machine.
struct KeyFiles {
    ReadFile read;
    std::string home;  ///< of the operator, "" when unknown
};

/// The key pair that instances start with: the given one (it must exist), the user's own public key imported, or a key made
/// for this cluster (see ssh_key.hpp). EC2 never shows a key again, so a tag keeps its fingerprint. A key that was asked
/// for by name replaces another; the user's own, which is nobody's explicit wish, does not. Running instances keep theirs.
void add_key_pair(CloudPhases& phases, const Config& config, KeyFiles files);

/// Whether a key pair of the name in question exists, whoever's.
Question key_pair_question(const Config& config);

/// For RunInstances, once that phase is through: "" when nobody logs in.
Result<std::string> key_pair_name(const CloudView& view, const Config& config);

}  // namespace nodeboot
