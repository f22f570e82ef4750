#include "launch/user_data.hpp"

#include <fmt/core.h>

#include <map>

#include "base/config_print.hpp"
#include "base/config_secrets.hpp"
#include "base/config_syntax.hpp"
#include "base/encoding.hpp"
#include "base/lines.hpp"
#include "base/node_labels.hpp"
#include "cloud-init/embedded.hpp"
#include "net/aws_endpoint.hpp"

namespace nodeboot {
namespace {

using Texts = std::map<std::string_view, std::string>;

/// A line of the template that is nothing but @NAME@, as all places are.
std::string_view placeholder(std::string_view line) {
    const auto word = trim(line);
    if (word.size() < 3 || word.front() != '@' || word.back() != '@') return {};
    return word.substr(1, word.size() - 2);
}

/// Each line of the text gets the placeholder's indentation, so that it stays inside its literal block. Empty lines get
/// none: YAML keeps them, and blanks at a line's end would be invisible.
void put(std::string& out, std::string_view indentation, std::string_view text) {
    for (const auto line : lines_of(text)) {
        if (!line.empty()) out += indentation;
        out += line;
        out += '\n';
    }
}

Result<std::string> fill(std::string_view text, const Texts& texts) {
    std::string out;
    for (const auto line : lines_of(text)) {
        const auto name = placeholder(line);
        if (name.empty()) {
            put(out, "", line.empty() ? "\n" : line);
            continue;
        }
        const auto found = texts.find(name);
        if (found == texts.end())
            return fail(ErrorKind::internal,
                        fmt::format("the user-data template wants @{}@, which nobody gives", name));
        put(out, line.substr(0, line.find('@')), found->second);
    }
    return out;
}

std::string sha256_problem(const std::string& text) {
    const bool hex = text.find_first_not_of("0123456789abcdef") == std::string::npos;
    return hex && text.size() == 64 ? "" : fmt::format("'{}' is not a sha256: 64 lower-case hex digits", text);
}

/// A presigned URL is a secret for as long as it is valid, and useless after.
bool is_presigned(std::string_view url) {
    return url.find("X-Amz-Signature=") != std::string_view::npos || url.find("&Signature=") != std::string_view::npos;
}

std::string url_problem(const std::string& url) {
    if (auto problem = syntax::web_url(url); !problem.empty()) return problem;
    if (!url.starts_with("https://")) return fmt::format("'{}' would be fetched unencrypted; use https", url);
    if (is_presigned(url)) return "a presigned URL is a secret, and user-data is none; name the S3 object instead";
    return {};
}

/// S3's rules for buckets ("Bucket naming rules"), as far as they keep a URL well-formed.
std::string bucket_problem(const std::string& bucket) {
    const bool good = bucket.size() >= 3 && bucket.size() <= 63 &&
                      bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
    return good ? "" : fmt::format("'{}' is not the name of an S3 bucket: 3 to 63 of a-z 0-9 . -", bucket);
}

std::string object_url(const BinaryFromS3& object) {
    const std::string path = percent_encode(object.key, "/");
    if (!object.endpoint.empty()) {
        const std::string_view slash = object.endpoint.ends_with('/') ? "" : "/";
        return fmt::format("{}{}{}/{}", object.endpoint, slash, object.bucket, path);
    }
    const std::string endpoint = aws_endpoint("s3", object.region).url;
    // A dot more than AWS's wildcard certificate covers: then the bucket goes into the path.
    if (object.bucket.find('.') != std::string::npos) return fmt::format("{}/{}/{}", endpoint, object.bucket, path);
    constexpr std::string_view scheme = "https://";
    return fmt::format("{}{}.{}/{}", scheme, object.bucket, endpoint.substr(scheme.size()), path);
}

Result<void> check(std::initializer_list<std::string> problems) {
    std::vector<std::string> found;
    for (const auto& problem : problems)
        if (!problem.empty()) found.push_back(problem);
    if (found.empty()) return {};
    return fail(ErrorKind::invalid_input, fmt::format("nodeboot's own binary: {}", join(found, "; ")));
}

/// What /etc/nodeboot/binary tells the install script; empty where there is nothing to install.
struct Describe {
    Result<std::string> operator()(const BinaryInImage&) const { return std::string(); }
    Result<std::string> operator()(const BinaryFromUrl& binary) const {
        NB_CHECK(check({url_problem(binary.url), sha256_problem(binary.sha256)}));
        return fmt::format("url={}\nsha256={}\n", binary.url, binary.sha256);
    }
    Result<std::string> operator()(const BinaryFromS3& object) const {
        const std::string url = object_url(object);
        NB_CHECK(check({bucket_problem(object.bucket), object.key.empty() ? "the S3 object's key is empty" : "",
                        syntax::region(object.region), url_problem(url), sha256_problem(object.sha256)}));
        return fmt::format("url={}\nsha256={}\ns3_region={}\n", url, object.sha256, object.region);
    }
};

Result<void> check_no_secrets(const Config& config) {
    const auto found = secrets_in(config);
    if (found.empty()) return {};
    return fail(ErrorKind::refused,
                fmt::format("user-data can be read by whoever may describe the instance, and this configuration holds "
                            "what looks like a secret: {}",
                            join(found, "; ")),
                "leave it out; bake it into the image, or fetch it on the node with the instance's role");
}

/// The operator's configuration is one for both roles; said here, because the instance would only say it on its console.
Result<void> check_labels(const NodeConfig& node) {
    if (node.role != Role::worker) return {};
    for (const auto& [key, value] : node.labels)
        if (const auto flaw = worker_label_flaw(key, value); !flaw.empty())
            return fail(ErrorKind::refused, fmt::format("node.labels of a worker: {}", flaw));
    return {};
}

/// What a literal block of YAML cannot hold as it is. node_config() writes none of it.
Result<void> check_literal(std::string_view text) {
    for (const char c : text)
        if (const auto byte = static_cast<unsigned char>(c); (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
            return fail(ErrorKind::internal, fmt::format("byte {:#04x} in the node's configuration", byte));
    return {};
}

}  // namespace

Result<std::string> render_user_data(const UserDataInput& input) {
    NB_CHECK(check_no_secrets(input.config));
    NB_CHECK(check_labels(input.config.node));
    const auto binary = NB_TRY(std::visit(Describe{}, input.binary));
    Texts texts{{"CONFIG", node_config(input.config)}};
    NB_CHECK(check_literal(texts["CONFIG"]));
    std::string_view text = embedded::user_data_baked_yaml_in;
    if (!binary.empty()) {
        text = embedded::user_data_yaml_in;
        texts["BINARY"] = binary;
        texts["INSTALL"] = embedded::install_py;
        texts["SERVICE"] = embedded::nodeboot_service;
    }
    const auto out = NB_TRY(fill(text, texts));
    if (out.size() <= user_data_limit) return out;
    return fail(
        ErrorKind::invalid_input,
        fmt::format("user-data of {} bytes, of which the configuration is {}; EC2 takes {}", out.size(),
                    texts["CONFIG"].size(), user_data_limit),
        "bake what is large (containerd.extra_config, labels, flags) into the image as /etc/nodeboot/config.d/");
}

}  // namespace nodeboot
