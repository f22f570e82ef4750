#include "launch/key_pair.hpp"

#include "base/encoding.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

constexpr const char* fingerprint_tag = "nodeboot.io/fingerprint";
const Ref ssh_key{Kind::key_pair, "ssh"};

std::string own_name(const Config& config) { return fmt::format("nodeboot-{}", config.cluster.name); }

/// Key pairs of this name, whoever's.
Question named(const std::string& name) {
    return {.action = "DescribeKeyPairs",
            .parameters = {{"KeyName.1", name}},
            .items = "keySet/item",
            .topic = topic_of(Kind::key_pair)};
}

class KeyPairPlan {
   public:
    KeyPairPlan(const CloudView& view, const Config& config, const KeyFiles& files)
        : view_(view), config_(config), files_(files) {}

    Result<CloudChanges> plan() {
        const auto& access = config_.access;
        if (!access.key_pair.empty()) return given(access.key_pair);
        const auto found = NB_TRY(view_.find(ssh_key));
        const std::string& path = access.ssh_generated_key;
        const auto key = path.empty() ? NB_TRY(chosen_ssh_key(config_, files_.read, files_.home))
                                      : NB_TRY(kept_ssh_key(files_.read, path));
        if (!found) NB_CHECK(name_is_free());
        if (key)
            import(found, *key);
        else if (!found && !path.empty())
            generate(path);
        return std::move(changes_);
    }

   private:
    Result<CloudChanges> given(const std::string& name) {
        if (!NB_TRY(view_.ask(named(name)))->empty()) return CloudChanges{};
        return fail(ErrorKind::invalid_input,
                    fmt::format("access.key_pair: EC2 has no key pair '{}' in this region", name),
                    "`aws ec2 describe-key-pairs` lists those there are");
    }

    Result<void> name_is_free() {
        if (NB_TRY(view_.ask(named(own_name(config_))))->empty()) return {};
        return fail(ErrorKind::conflict,
                    fmt::format("a key pair {} exists and does not bear this cluster's tag", own_name(config_)),
                    "it may belong to somebody else: use it with access.key_pair, delete it, or rename the cluster");
    }

    static ApiCall import_call(const Config& config, const SshPublicKey& key) {
        Tags tags = tags_of(config, ssh_key.name, "access");
        tags[fingerprint_tag] = key.fingerprint();
        return creation(ssh_key, "ImportKeyPair",
                        {{"KeyName", own_name(config)}, {"PublicKeyMaterial", base64_encode(key.line())}}, tags);
    }

    /// A key that nobody asked for by name is only the first operator's choice: the next one's own does not replace it.
    void import(const Found& found, const SshPublicKey& key) {
        const bool asked_for = !config_.access.ssh_public_key.empty() || !config_.access.ssh_generated_key.empty();
        const std::string present = found ? found->tag(fingerprint_tag) : std::string();
        if (found && (!asked_for || present == key.fingerprint())) {
            Tags tags = tags_of(config_, ssh_key.name, "access");
            return want_tags(changes_, *found, "SSH key pair", tags);
        }
        if (found)
            changes_.push_back({"SSH key pair", present, "deleted",
                                ApiCall{.action = "DeleteKeyPair",
                                        .parameters = {{"KeyPairId", found->id}},
                                        .deletes = found->id,
                                        .topics = {topic_of(Kind::key_pair)}}});
        changes_.push_back({"SSH key pair", "absent", key.fingerprint(), import_call(config_, key)});
    }

    void generate(const std::string& path) {
        changes_.push_back(
            {"SSH key pair", "absent", "an ed25519 key made for this cluster, in " + path,
             CloudProcedure{"make an SSH key",
                            {path},
                            [config = config_, files = files_, path](CloudContext& context) -> Result<void> {
                                auto key = NB_TRY(kept_ssh_key(files.read, path));
                                if (!key) key = NB_TRY(generate_ssh_key(path, own_name(config)));
                                return context.cloud.perform(import_call(config, *key), context.step);
                            }}});
    }

    const CloudView& view_;
    const Config& config_;
    const KeyFiles& files_;
    CloudChanges changes_;
};

}  // namespace

void add_key_pair(CloudPhases& phases, const Config& config, KeyFiles files) {
    phases.push_back(
        make_cloud_phase({"key-pair", "the SSH key that logs in to the instances", {}, std::chrono::minutes(1)},
                         [&config, files = std::move(files)](const CloudView& view) {
                             return KeyPairPlan(view, config, files).plan();
                         }));
}

Question key_pair_question(const Config& config) {
    return named(config.access.key_pair.empty() ? own_name(config) : config.access.key_pair);
}

Result<std::string> key_pair_name(const CloudView& view, const Config& config) {
    if (!config.access.key_pair.empty()) return config.access.key_pair;
    const auto found = NB_TRY(view.known(ssh_key));
    return found ? own_name(config) : std::string();
}

}  // namespace nodeboot
