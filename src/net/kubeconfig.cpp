#include "net/kubeconfig.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/yaml.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::ordered_json;

std::string word(const Json& object, const std::string& key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json& child(const Json& object, const std::string& key) {
    static const Json nothing;
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() ? *found : nothing;
}

/// The entry of a list like `clusters` whose name is `name`: its part `part`.
Result<Json> entry(const Json& config, const std::string& list, const std::string& part, const std::string& name) {
    for (const auto& item : child(config, list))
        if (word(item, "name") == name && child(item, part).is_object()) return child(item, part);
    return fail(ErrorKind::corrupted, fmt::format("no {} named '{}' in {}", part, name, list));
}

class Parser {
   public:
    Parser(const ReadFile& files, const std::string& path)
        : files_(files), folder_(path.substr(0, path.rfind('/') + 1)) {}

    Result<Kubeconfig> parse(std::string_view text) const {
        const Json config = NB_TRY(document(text));
        Kubeconfig out;
        out.context = word(config, "current-context");
        const Json context = NB_TRY(entry(config, "contexts", "context", out.context));
        out.cluster = word(context, "cluster");
        out.user = word(context, "user");
        const Json cluster = NB_TRY(entry(config, "clusters", "cluster", out.cluster));
        const Json user = NB_TRY(entry(config, "users", "user", out.user));
        NB_CHECK(read_cluster(cluster, out));
        NB_CHECK(read_user(user, out));
        return out;
    }

    Result<Kubeconfig> parse_cluster_only(std::string_view text) const {
        const Json config = NB_TRY(document(text));
        const Json& clusters = child(config, "clusters");
        if (clusters.size() != 1) return fail(ErrorKind::corrupted, "it does not name exactly one cluster");
        Kubeconfig out;
        out.cluster = word(clusters.front(), "name");
        NB_CHECK(read_cluster(child(clusters.front(), "cluster"), out));
        return out;
    }

   private:
    static Result<Json> document(std::string_view text) {
        auto documents = NB_TRY(parse_yaml(text));
        if (documents.size() != 1) return fail(ErrorKind::corrupted, "it is empty, or more than one document");
        if (word(documents.front(), "kind") != "Config") return fail(ErrorKind::corrupted, "kind is not Config");
        return std::move(documents.front());
    }

    Result<void> read_cluster(const Json& cluster, Kubeconfig& out) const {
        out.server = word(cluster, "server");
        const auto url = parse_url(out.server);
        if (!url || url->scheme != "https") return fail(ErrorKind::corrupted, "server is no https URL");
        while (out.server.ends_with('/')) out.server.pop_back();
        if (child(cluster, "insecure-skip-tls-verify") == Json(true))
            return fail(ErrorKind::refused,
                        "insecure-skip-tls-verify: nodeboot always checks the server's certificate");
        out.ca_pem = NB_TRY(blob(cluster, "certificate-authority"));
        return {};
    }

    Result<void> read_user(const Json& user, Kubeconfig& out) const {
        if (user.contains("exec") || user.contains("auth-provider"))
            return fail(ErrorKind::invalid_input, "credential plugins (exec, auth-provider) are not supported");
        out.client_certificate_pem = NB_TRY(blob(user, "client-certificate"));
        out.client_key_pem = Secret(NB_TRY(blob(user, "client-key")));
        if (out.client_certificate_pem.empty() != out.client_key_pem.empty())
            return fail(ErrorKind::corrupted, "client-certificate and client-key belong together, one is missing");
        out.token = Secret(word(user, "token"));
        if (const auto file = word(user, "tokenFile"); !file.empty()) {
            std::string token = NB_TRY(file_content(file, "tokenFile"));
            while (token.ends_with('\n')) token.pop_back();
            out.token = Secret(std::move(token));
        }
        return {};
    }

    /// `key`-data inline wins over the file `key`, as in client-go.
    Result<std::string> blob(const Json& object, const std::string& key) const {
        if (const auto inline_data = word(object, key + "-data"); !inline_data.empty())
            return NB_TRY_CONTEXT(base64_decode(inline_data), key + "-data");
        const auto file = word(object, key);
        return file.empty() ? Result<std::string>(std::string()) : file_content(file, key);
    }

    Result<std::string> file_content(const std::string& file, const std::string& key) const {
        const std::string path = file.starts_with('/') ? file : folder_ + file;
        auto content = NB_TRY_CONTEXT(files_(path), key);
        if (!content) return fail(ErrorKind::corrupted, fmt::format("{}: {} does not exist", key, path));
        return *std::move(content);
    }

    const ReadFile& files_;
    std::string folder_;
};

}  // namespace

Result<Kubeconfig> parse_kubeconfig(std::string_view text, const ReadFile& files, const std::string& path) {
    return NB_TRY_CONTEXT(Parser(files, path).parse(text), "kubeconfig " + path);
}

Result<Kubeconfig> parse_cluster_only_kubeconfig(std::string_view text, const ReadFile& files,
                                                 const std::string& path) {
    return NB_TRY_CONTEXT(Parser(files, path).parse_cluster_only(text), "kubeconfig " + path);
}

Result<std::optional<Kubeconfig>> read_kubeconfig(const ReadFile& files, const std::string& path) {
    const auto text = NB_TRY_CONTEXT(files(path), "kubeconfig " + path);
    if (!text) return std::optional<Kubeconfig>{};
    return std::optional(NB_TRY(parse_kubeconfig(*text, files, path)));
}

}  // namespace nodeboot
