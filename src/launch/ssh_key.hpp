#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "net/kubeconfig.hpp"  // ReadFile

namespace nodeboot {

/// A public key in OpenSSH's one-line form, as EC2 imports it.
struct SshPublicKey {
    std::string type;  ///< "ssh-ed25519" or "ssh-rsa": EC2 takes no others
    std::string blob;  ///< base64 (RFC 4253, 6.6)
    std::string comment;

    std::string line() const { return type + " " + blob; }  ///< what is imported: a comment is nobody's business
    std::string fingerprint() const;                        ///< "SHA256:…", as ssh-keygen -l prints it
};

/// `invalid_input` for anything else, naming what EC2 takes; for a private key too, which is not quoted.
Result<SshPublicKey> parse_ssh_public_key(std::string_view text);

/// An ed25519 key in OpenSSH's own file format (PROTOCOL.key), without a passphrase. `seed` and `check` are random: 32 and 4
/// bytes.
struct SshKeyPair {
    SshPublicKey public_key;
    Secret private_file;
};
Result<SshKeyPair> make_ssh_key(const Secret& seed, const Secret& check, const std::string& comment);

/// The public half of such a file, whatever the key's type and with or without a passphrase.
Result<SshPublicKey> public_half(const Secret& private_file);

/// Which key shall log in: access.ssh_public_key, else the first of ~/.ssh/id_ed25519.pub and id_rsa.pub of `home`. Nothing
/// when there is none and SSH is closed (no access.ssh_from); then an error that says what to do.
Result<std::optional<SshPublicKey>> chosen_ssh_key(const Config& config, const ReadFile& read, const std::string& home);

/// access.ssh_generated_key: the public half of the file at `path`, nothing when it does not exist.
Result<std::optional<SshPublicKey>> kept_ssh_key(const ReadFile& read, const std::string& path);

/// Makes a key and writes it to `path` (0600) and its public half to `path`.pub; never over an existing file.
Result<SshPublicKey> generate_ssh_key(const std::string& path, const std::string& comment);

}  // namespace nodeboot
