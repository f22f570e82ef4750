#include <fmt/core.h>

#include <algorithm>

#include "base/backoff.hpp"
#include "net/credentials.hpp"

namespace nodeboot {
namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    return text;
}

/// "value # note" is the value; "a#b" stays.
std::string_view without_comment(std::string_view value) {
    for (const auto* mark : {" #", " ;", "\t#", "\t;"}) value = value.substr(0, value.find(mark));
    return trimmed(value);
}

std::string shared_file(const CredentialOptions& options, const std::string& variable, const std::string& name) {
    if (auto path = options.environment(variable); path && !path->empty()) return *std::move(path);
    const auto home = options.environment("HOME");
    return home && !home->empty() ? *home + "/.aws/" + name : std::string();
}

Result<AwsProfile> section_of(const CredentialOptions& options, const std::string& path, const std::string& section) {
    if (path.empty() || !options.read_file) return AwsProfile{};
    const auto text = NB_TRY_CONTEXT(options.read_file(path), "AWS profile");
    if (!text) return AwsProfile{};
    auto all = parse_aws_ini(*text);
    const auto found = all.find(section);
    return found != all.end() ? std::move(found->second) : AwsProfile{};
}

}  // namespace

std::map<std::string, AwsProfile> parse_aws_ini(std::string_view text) {
    std::map<std::string, AwsProfile> all;
    AwsProfile* section = nullptr;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view raw = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::string_view line = trimmed(raw);
        if (line.empty() || line.front() == '#' || line.front() == ';') continue;
        const bool indented = raw.front() == ' ' || raw.front() == '\t';
        if (line.front() == '[') {
            section = &all[std::string(trimmed(line.substr(1, line.find(']') - 1)))];
        } else if (const auto equals = line.find('=');
                   equals != std::string_view::npos && equals > 0 && section != nullptr && !indented) {
            (*section)[std::string(trimmed(line.substr(0, equals)))] =
                without_comment(trimmed(line.substr(equals + 1)));
        }
    }
    return all;
}

std::optional<std::string> profile_of_environment(const CredentialOptions& options) {
    auto name = options.environment("AWS_PROFILE");
    return name && !name->empty() ? name : std::nullopt;
}

Result<AwsProfile> read_aws_profile(const CredentialOptions& options, const std::string& profile) {
    const std::string config_section = profile == "default" ? profile : "profile " + profile;
    auto merged =
        NB_TRY(section_of(options, shared_file(options, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), profile));
    merged.merge(NB_TRY(section_of(options, shared_file(options, "AWS_CONFIG_FILE", "config"), config_section)));
    return merged;
}

namespace {

Result<AwsProfile> chosen_profile(const CredentialOptions& options) {
    if (!options.profile.empty()) return read_aws_profile(options, options.profile);
    return read_aws_profile(options, profile_of_environment(options).value_or("default"));
}

}  // namespace

Result<std::string> resolve_region(const std::string& configured, const CredentialOptions& options) {
    std::string region = configured;
    for (const auto* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
        if (region.empty()) region = options.environment(name).value_or("");
    if (region.empty()) region = NB_TRY(chosen_profile(options))["region"];
    if (region.empty() && options.imds != nullptr && options.environment("AWS_EC2_METADATA_DISABLED") != "true") {
        auto own = options.imds->region();
        const bool silent = !own && is_no_answer(own.error());
        if (!own && !(silent && options.imds_may_be_absent))
            return fail(std::move(own).error().with_context("find out the AWS region"));
        if (own) region = *std::move(own);
    }
    if (region.empty())
        return fail(ErrorKind::invalid_input, "no AWS region is set", "set cluster.region, or AWS_REGION");
    NB_CHECK(check_region(region));
    return region;
}

Result<AwsEndpointOverride> resolve_endpoints(const std::string& configured, const CredentialOptions& options) {
    AwsEndpointOverride found{configured, {}};
    if (configured.empty() && options.environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") != "true") {
        for (const auto& [service, name] :
             {std::pair{"ec2", "EC2"}, {"iam", "IAM"}, {"s3", "S3"}, {"ssm", "SSM"}, {"sts", "STS"}})
            if (auto url = options.environment(fmt::format("AWS_ENDPOINT_URL_{}", name)); url && !url->empty())
                found.by_service[service] = *std::move(url);
        found.url = options.environment("AWS_ENDPOINT_URL").value_or("");
        auto profile = NB_TRY(chosen_profile(options));
        if (found.url.empty()) found.url = profile["endpoint_url"];
        if (profile.contains("services"))  // its nested lines are not read: better no call than one to another place
            return fail(
                ErrorKind::invalid_input,
                fmt::format("the AWS profile sets services = {}, which nodeboot does not read", profile["services"]),
                "set aws.endpoint_url, AWS_ENDPOINT_URL_EC2 and the like, or "
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true");
    }
    if (!found.url.empty()) NB_CHECK(check_aws_endpoint(found.url));
    for (const auto& [service, url] : found.by_service) NB_CHECK_CONTEXT(check_aws_endpoint(url), service);
    return found;
}

}  // namespace nodeboot
