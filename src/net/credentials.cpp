#include "net/credentials.hpp"

#include <fmt/core.h>

#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/backoff.hpp"
#include "base/json.hpp"

namespace nodeboot {
namespace {

constexpr Duration renew_before = std::chrono::minutes(10);
constexpr Duration last_moment = std::chrono::minutes(1);

std::string value_or_empty(const AwsProfile& profile, const std::string& key) {
    const auto found = profile.find(key);
    return found != profile.end() ? found->second : std::string();
}

Result<void> refuse_any_of(std::initializer_list<const char*> settings, const AwsProfile& profile,
                           const std::string& name) {
    for (const auto* setting : settings)
        if (profile.contains(setting))
            return fail(ErrorKind::invalid_input,
                        fmt::format("AWS profile {} uses {}, which nodeboot does not speak itself", name, setting),
                        fmt::format("let the AWS CLI do it: a profile with credential_process = aws configure "
                                    "export-credentials --profile {}",
                                    name));
    return {};
}

/// Words as a POSIX shell would split them, with '…' and "…"; no expansion of any kind.
std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool inside = false;
    char quote = '\0';
    for (const char c : text) {
        if (quote != '\0' && c == quote) {
            quote = '\0';
        } else if (quote == '\0' && (c == '\'' || c == '"')) {
            quote = c;
            inside = true;
        } else if (quote == '\0' && (c == ' ' || c == '\t')) {
            if (inside) words.push_back(std::move(word));
            word.clear();
            inside = false;
        } else {
            word += c;
            inside = true;
        }
    }
    if (inside) words.push_back(std::move(word));
    return words;
}

/// docs.aws.amazon.com, "Sourcing credentials with an external process": Version must be 1.
Result<AwsCredentials> parse_process_output(const Secret& output) {
    const auto json = NB_TRY(parse_json(output.reveal(), "the output of credential_process"));
    const auto* version = json_at(json, {"Version"});
    auto id = json_string(json, {"AccessKeyId"});
    auto key = json_string(json, {"SecretAccessKey"});
    if (version == nullptr || *version != 1 || !id || !key)
        return fail(ErrorKind::corrupted, "credential_process: needs Version 1, AccessKeyId and SecretAccessKey");
    AwsCredentials credentials{
        *std::move(id), Secret(*std::move(key)), Secret(json_string(json, {"SessionToken"}).value_or("")), {}};
    if (const auto text = json_string(json, {"Expiration"})) {
        const auto expires = parse_rfc3339(*text);
        if (!expires) return fail(ErrorKind::corrupted, "credential_process: Expiration is no RFC 3339 time");
        credentials.expires = *expires;
    }
    return credentials;
}

Error none_found(const std::string& why) {
    return {ErrorKind::permission,
            "no AWS credentials found" + why,
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure`",
            {}};
}

class StaticSource final : public CredentialSource {
   public:
    explicit StaticSource(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
    Result<AwsCredentials> get() override { return credentials_; }
    void discard() override {}
    std::string describe() const override { return "given keys"; }

   private:
    AwsCredentials credentials_;
};

class Chain final : public CredentialSource {
   public:
    Chain(Clock& clock, CredentialOptions options) : clock_(clock), options_(std::move(options)) {}

    Result<AwsCredentials> get() override {
        const std::lock_guard lock(mutex_);
        if (held_ && good_for(renew_before)) return *held_;
        auto fresh = look_up();
        if (fresh) {
            held_ = *fresh;
        } else if (held_ && good_for(last_moment)) {
            return *held_;
        }
        return fresh;
    }

    void discard() override {
        const std::lock_guard lock(mutex_);
        held_.reset();
    }

    std::string describe() const override {
        const std::lock_guard lock(mutex_);
        return origin_.empty() ? "credential chain" : origin_;
    }

   private:
    bool good_for(Duration duration) const { return !held_->expires || *held_->expires - clock_.wall() > duration; }

    Result<AwsCredentials> look_up() {
        if (!options_.profile.empty()) {
            auto found = NB_TRY(from_profile(options_.profile));
            if (found) return *std::move(found);
            return fail(
                ErrorKind::invalid_input,
                fmt::format("AWS profile '{}' does not exist or holds no credentials", options_.profile),
                "profiles stand in ~/.aws/config and ~/.aws/credentials; `aws configure list-profiles` lists them");
        }
        if (auto found = from_environment()) return *std::move(found);
        const auto named = profile_of_environment(options_);
        if (!named) NB_CHECK(refuse_web_identity());
        if (auto found = NB_TRY(from_profile(named.value_or("default")))) return *std::move(found);
        if (named)
            return fail(ErrorKind::invalid_input,
                        fmt::format("AWS_PROFILE names '{}', which holds no credentials", *named),
                        "`aws configure list-profiles` lists the profiles there are");
        if (auto found = NB_TRY(container_credentials(options_))) {
            origin_ = "container role";
            return *std::move(found);
        }
        if (options_.imds == nullptr || options_.environment("AWS_EC2_METADATA_DISABLED") == "true")
            return fail(none_found(""));
        origin_ = "instance role";
        auto found = options_.imds->role_credentials();
        had_role_ |= found.has_value();
        if (found) return found;
        if (options_.imds_may_be_absent && !had_role_ && is_no_answer(found.error())) {
            origin_.clear();
            return fail(none_found("; nor is there an instance's role: " + found.error().message));
        }
        return fail(std::move(found).error().with_hint("does the instance have an instance profile?"));
    }

    std::optional<AwsCredentials> from_environment() {
        auto id = options_.environment("AWS_ACCESS_KEY_ID");
        auto key = options_.environment("AWS_SECRET_ACCESS_KEY");
        if (!id || id->empty() || !key || key->empty()) return std::nullopt;
        origin_ = "environment";
        return AwsCredentials{*std::move(id),
                              Secret(*std::move(key)),
                              Secret(options_.environment("AWS_SESSION_TOKEN").value_or("")),
                              {}};
    }

    /// For the AWS tools it comes before any profile and the instance's role: going on would act as somebody else.
    Result<void> refuse_web_identity() const {
        if (options_.environment("AWS_WEB_IDENTITY_TOKEN_FILE").value_or("").empty()) return {};
        return fail(ErrorKind::invalid_input,
                    "AWS_WEB_IDENTITY_TOKEN_FILE asks for a role by web identity, which nodeboot does not speak itself",
                    "let the AWS CLI do it: eval \"$(aws configure export-credentials --format env)\"");
    }

    Result<std::optional<AwsCredentials>> from_profile(const std::string& name) {
        const auto profile = NB_TRY(read_aws_profile(options_, name));
        const auto id = value_or_empty(profile, "aws_access_key_id");
        const auto key = value_or_empty(profile, "aws_secret_access_key");
        origin_ = "profile " + name;
        // These come before keys for the AWS tools, too: the keys are those that the role is assumed with.
        NB_CHECK(refuse_any_of({"role_arn", "web_identity_token_file", "sso_account_id"}, profile, name));
        if (!id.empty() && !key.empty())
            return std::optional(
                AwsCredentials{id, Secret(key), Secret(value_or_empty(profile, "aws_session_token")), {}});
        if (const auto process = value_or_empty(profile, "credential_process"); !process.empty()) {
            if (!options_.run_program)
                return fail(ErrorKind::refused, fmt::format("profile {}: credential_process is not run here", name));
            const auto output =
                NB_TRY_CONTEXT(options_.run_program(split_words(process)), "credential_process of profile " + name);
            return std::optional(NB_TRY_CONTEXT(parse_process_output(output), "profile " + name));
        }
        NB_CHECK(refuse_any_of({"sso_session", "sso_start_url", "login_session"}, profile, name));
        return std::optional<AwsCredentials>{};
    }

    Clock& clock_;
    CredentialOptions options_;
    mutable std::mutex mutex_;
    std::optional<AwsCredentials> held_;
    std::string origin_;
    bool had_role_ = false;  ///< then this is an instance, and a metadata service that is silent will speak again
};

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::unique_ptr<CredentialSource> make_credential_chain(Clock& clock, CredentialOptions options) {
    return std::make_unique<Chain>(clock, std::move(options));
}

std::unique_ptr<CredentialSource> make_static_credentials(AwsCredentials credentials) {
    return std::make_unique<StaticSource>(std::move(credentials));
}

}  // namespace nodeboot
