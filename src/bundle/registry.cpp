#include "bundle/registry.hpp"

#include <fmt/core.h>
#include <strings.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* accepted =
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// All that a reference is made of (distribution/reference): it becomes part of an address.
constexpr auto reference_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@";

/// `Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:x:pull"` → its values;
/// none for other schemes: a realm of `Basic` is a name for people, not an address (RFC 7617).
std::map<std::string, std::string> parse_challenge(const std::string& header) {
    std::map<std::string, std::string> out;
    if (::strncasecmp(header.c_str(), "Bearer ", 7) != 0) return out;
    for (std::size_t at = header.find(' '); at != std::string::npos && at < header.size();) {
        const auto equals = header.find("=\"", at);
        if (equals == std::string::npos) break;
        const auto key_start = header.find_first_not_of(" ,", at);
        const auto end = header.find('"', equals + 2);
        if (end == std::string::npos) break;
        out[header.substr(key_start, equals - key_start)] = header.substr(equals + 2, end - equals - 2);
        at = end + 1;
    }
    return out;
}

Result<void> write_text(const fs::path& path, std::string_view text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    out.close();
    if (!out) return fail(ErrorKind::io, fmt::format("cannot write {}", path.string()));
    return {};
}

class ImageFetch {
   public:
    ImageFetch(Fetcher& fetcher, ImageReference reference, fs::path folder)
        : fetcher_(fetcher), reference_(std::move(reference)), folder_(std::move(folder)) {}

    Result<void> run(const std::string& name, const std::string& arch) {
        std::error_code error;
        fs::create_directories(folder_ / "blobs/sha256", error);
        if (error) return fail(ErrorKind::io, fmt::format("making {}: {}", folder_.string(), error.message()));
        std::string body = NB_TRY(manifest(reference_.tag));
        Json parsed = NB_TRY(parse_json(body, name));
        if (parsed.contains("manifests")) {
            body = NB_TRY(manifest(NB_TRY(digest_for(parsed, name, arch))));
            parsed = NB_TRY(parse_json(body, name));
        }
        if (!parsed.contains("config") || !parsed.contains("layers"))
            return fail(ErrorKind::corrupted, fmt::format("{}: the registry's manifest has no config or layers", name));
        NB_CHECK(blob(parsed["config"]));
        for (const auto& layer : parsed["layers"]) NB_CHECK(blob(layer));
        return write_layout(name, body, parsed);
    }

   private:
    std::string base() const {
        const auto mirror = fetcher_.options().registry_mirrors.find(reference_.registry);
        std::string root =
            mirror != fetcher_.options().registry_mirrors.end()
                ? mirror->second
                : "https://" + (reference_.registry == "docker.io" ? "registry-1.docker.io" : reference_.registry);
        while (root.ends_with('/')) root.pop_back();
        return root + "/v2/" + reference_.repository;
    }

    void authorise(HttpRequest& request) const {
        if (!token_.empty())
            request.secret_headers.emplace_back("Authorization", Secret("Bearer " + std::string(token_.reveal())));
    }

    HttpRequest request(const std::string& path) const {
        HttpRequest out;
        out.url = base() + path;
        authorise(out);
        return out;
    }

    Result<HttpResponse> authorised(const std::function<HttpRequest()>& make) {
        auto response = NB_TRY(fetcher_.send(make()));
        if (response.status == 401 && token_.empty()) {
            challenge_ = response.header("www-authenticate").value_or("");
            NB_CHECK(authenticate(challenge_));
            response = NB_TRY(fetcher_.send(make()));
        }
        if (!response.ok()) return fail(status_error(make(), response));
        return response;
    }

    Result<void> authenticate(const std::string& header) {
        auto challenge = parse_challenge(header);
        if (challenge["realm"].empty())
            return fail(ErrorKind::permission,
                        fmt::format("{} wants a login that nodeboot does not know: '{}'", reference_.registry, header),
                        "use a mirror that allows anonymous pulls: --registry-mirror HOST=URL");
        HttpRequest ask;
        ask.url = fmt::format("{}?service={}&scope=repository:{}:pull", challenge["realm"], challenge["service"],
                              reference_.repository);
        const auto response = NB_TRY(fetcher_.send(ask));
        if (!response.ok()) return fail(status_error(ask, response));
        const Json answer = NB_TRY(parse_json(response.body, "the registry's token answer"));
        auto token = json_string(answer, {"token"});
        if (!token) token = json_string(answer, {"access_token"});
        if (!token) return fail(ErrorKind::corrupted, fmt::format("{}: no token in the answer", ask.url));
        token_ = Secret(*token);
        return {};
    }

    Result<std::string> manifest(const std::string& tag) {
        auto response = NB_TRY(authorised([&] {
            HttpRequest out = request("/manifests/" + tag);
            out.headers.emplace_back("Accept", accepted);
            return out;
        }));
        if (tag.starts_with("sha256:") && "sha256:" + sha256_hex(response.body) != tag)
            return fail(ErrorKind::corrupted, fmt::format("{}/{}: manifest does not match its digest {}",
                                                          reference_.registry, reference_.repository, tag));
        return std::move(response.body);
    }

    static Result<std::string> digest_for(const Json& index, const std::string& name, const std::string& arch) {
        for (const auto& entry : index["manifests"])
            if (json_string(entry, {"platform", "architecture"}) == arch &&
                json_string(entry, {"platform", "os"}) == "linux")
                if (auto digest = json_string(entry, {"digest"})) return *digest;
        return fail(ErrorKind::not_found, fmt::format("{} does not exist for linux/{}", name, arch));
    }

    Result<void> blob(const Json& descriptor) {
        const auto digest = json_string(descriptor, {"digest"}).value_or("");
        if (!digest.starts_with("sha256:") || digest.size() != 71 || digest.find('/') != std::string::npos)
            return fail(ErrorKind::corrupted, fmt::format("a blob with the digest '{}', which is no sha256", digest));
        const fs::path path = folder_ / "blobs/sha256" / digest.substr(7);
        if (fs::exists(path)) return {};
        Download what{.url = base() + "/blobs/" + digest,
                      .path = path.string(),
                      .sha256 = digest.substr(7),
                      .max_size = std::uint64_t{8} << 30,
                      .timeout = fetcher_.options().timeout};
        what.sign = [this](HttpRequest& request) -> Result<void> {
            authorise(request);
            return {};
        };
        auto saved = fetcher_.save(what);
        // Tokens live for minutes, images may take longer.
        if (!saved && saved.error().kind == ErrorKind::permission && !challenge_.empty()) {
            NB_CHECK(authenticate(challenge_));
            saved = fetcher_.save(what);
        }
        if (!saved && saved.error().kind == ErrorKind::corrupted)
            return fail(std::move(saved).error().with_context(fmt::format(
                "{}/{}: blob {} does not match its digest", reference_.registry, reference_.repository, digest)));
        return saved;
    }

    Result<void> write_layout(const std::string& name, const std::string& body, const Json& parsed) {
        const std::string hex = sha256_hex(body);
        NB_CHECK(write_text(folder_ / "blobs/sha256" / hex, body));
        const Json index{
            {"schemaVersion", 2},
            {"mediaType", "application/vnd.oci.image.index.v1+json"},
            {"manifests",
             Json::array(
                 {{{"mediaType",
                    json_string(parsed, {"mediaType"}).value_or("application/vnd.oci.image.manifest.v1+json")},
                   {"digest", "sha256:" + hex},
                   {"size", body.size()},
                   {"annotations",
                    {{"io.containerd.image.name", name}, {"org.opencontainers.image.ref.name", reference_.tag}}}}})}};
        NB_CHECK(write_text(folder_ / "index.json", index.dump()));
        return write_text(folder_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    }

    Fetcher& fetcher_;
    ImageReference reference_;
    fs::path folder_;
    std::string challenge_;  ///< with which the registry answered the first question
    Secret token_;
};

}  // namespace

Result<ImageReference> parse_image_reference(const std::string& text) {
    ImageReference out;
    std::string rest = text;
    const auto slash = rest.find('/');
    const std::string first = rest.substr(0, slash);
    const bool has_host =
        slash != std::string::npos && (first.find_first_of(".:") != std::string::npos || first == "localhost");
    out.registry = has_host && first != "index.docker.io" ? first : "docker.io";
    if (has_host) rest = rest.substr(slash + 1);
    if (const auto at = rest.find('@'); at != std::string::npos) {
        out.tag = rest.substr(at + 1);
        rest = rest.substr(0, std::min(at, rest.find(':')));  // a tag beside a digest says nothing
    } else if (const auto colon = rest.rfind(':'); colon != std::string::npos) {
        out.tag = rest.substr(colon + 1);
        rest = rest.substr(0, colon);
    } else {
        out.tag = "latest";
    }
    if (out.registry == "docker.io" && rest.find('/') == std::string::npos) rest = "library/" + rest;
    out.repository = rest;
    if (rest.empty() || out.tag.empty() || text.find_first_not_of(reference_characters) != std::string::npos)
        return fail(ErrorKind::invalid_input,
                    fmt::format("'{}' is not an image reference like registry.k8s.io/pause:3.10.1", text));
    return out;
}

std::string normalised_image(const std::string& text) {
    const auto parsed = parse_image_reference(text);
    return parsed ? parsed->name() : text;
}

Result<void> fetch_image(Fetcher& fetcher, const std::string& reference, const std::string& arch,
                         const fs::path& folder) {
    const ImageReference parsed = NB_TRY(parse_image_reference(reference));
    return ImageFetch(fetcher, parsed, folder).run(parsed.name(), arch);
}

}  // namespace nodeboot
