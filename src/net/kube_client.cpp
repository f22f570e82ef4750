#include "net/kube_client.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace nodeboot {
namespace {

using Json = nlohmann::json;

constexpr std::string_view apply_query = "fieldManager=nodeboot&force=true&fieldValidation=Strict";
constexpr std::string_view write_query = "fieldManager=nodeboot&fieldValidation=Strict";
constexpr std::uint64_t max_answer = 64U << 20;  // a list of all nodes of a large cluster

ErrorKind kind_of(int status) {
    if (retryable_status(status)) return ErrorKind::unavailable;
    switch (status) {
        case 400:
        case 415:
        case 422: return ErrorKind::invalid_input;
        case 401:
        case 403: return ErrorKind::permission;
        case 404: return ErrorKind::not_found;
        case 409:
        case 410: return ErrorKind::conflict;
        default: return ErrorKind::refused;
    }
}

/// A 404 for an API that this server does not have, unlike one for an object that is not there.
bool unknown_api(const HttpResponse& response) {
    const auto status = parse_json(response.body, "answer");
    if (!status || json_string(*status, {"kind"}) != "Status") return true;  // "404 page not found"
    return json_string(*status, {"message"}) == "the server could not find the requested resource";
}

class KubeClient final : public KubeApi {
   public:
    KubeClient(Http& http, Kubeconfig config, KubeClientOptions options)
        : http_(http), config_(std::move(config)), options_(std::move(options)) {}

    Result<std::optional<Json>> get(const std::string& path) const override {
        const auto response = NB_TRY(send("GET", path));
        if (response.status == 404 && !unknown_api(response)) return std::optional<Json>{};
        return std::optional(NB_TRY(object("GET", path, response)));
    }

    Result<bool> ready() const override {
        const auto response = NB_TRY(send("GET", "/readyz"));
        // A certificate that is not accepted will not be later. A 403 may pass: RBAC's rules are read while it starts.
        if (response.status == 401) return fail(refusal("GET", "/readyz", response));
        return response.ok();
    }

    Result<Json> apply(const std::string& path, const Json& value) override { return apply_with(path, value, ""); }

    Result<Json> apply_dry_run(const std::string& path, const Json& value) const override {
        return apply_with(path, value, "&dryRun=All");
    }

    Result<Json> create(const std::string& path, const Json& value) override {
        const auto response = NB_TRY(send("POST", with_query(path, write_query), &value, "application/json"));
        return object("POST", path, response);
    }

    Result<Json> patch(const std::string& path, const Json& merge_patch) override {
        const auto response =
            NB_TRY(send("PATCH", with_query(path, write_query), &merge_patch, "application/merge-patch+json"));
        return object("PATCH", path, response);
    }

    Result<void> remove(const std::string& path) override {
        const auto response = NB_TRY(send("DELETE", path));
        if (response.ok() || (response.status == 404 && !unknown_api(response))) return {};
        return fail(refusal("DELETE", path, response));
    }

   private:
    static std::string with_query(const std::string& path, std::string_view query) {
        return fmt::format("{}{}{}", path, path.find('?') == std::string::npos ? '?' : '&', query);
    }

    Result<Json> apply_with(const std::string& path, const Json& value, std::string_view more) const {
        const std::string target = with_query(path, fmt::format("{}{}", apply_query, more));
        const auto response = NB_TRY(send("PATCH", target, &value, "application/apply-patch+yaml"));
        return object("PATCH", path, response);
    }

    Result<HttpResponse> send(const std::string& method, const std::string& path, const Json* value = nullptr,
                              const std::string& type = {}) const {
        if (config_.ca_pem.empty())
            return fail(ErrorKind::refused,
                        "Kubernetes API: no CA certificate to check the server " + config_.server + " against");
        HttpRequest request;
        request.method = method;
        request.url = config_.server + path;
        request.headers = {{"Accept", "application/json"}};
        request.timeout = options_.timeout;
        request.connect_timeout = options_.connect_timeout;
        request.max_body = max_answer;
        request.ca_pem = config_.ca_pem;
        request.client_certificate_pem = config_.client_certificate_pem;
        request.client_key_pem = config_.client_key_pem;
        if (!config_.token.empty())
            request.secret_headers.emplace_back("Authorization",
                                                Secret("Bearer " + std::string(config_.token.reveal())));
        if (value != nullptr) {
            request.headers.emplace_back("Content-Type", type);
            request.body = Secret(value->dump(-1, ' ', false, Json::error_handler_t::replace));
        }
        auto response = http_.send(request, options_.stop);
        if (response) return response;
        Error error = std::move(response).error();
        if (error.kind == ErrorKind::timeout) error.kind = ErrorKind::unavailable;
        return fail(std::move(error).with_context("Kubernetes API"));
    }

    Result<Json> object(const std::string& method, const std::string& path, const HttpResponse& response) const {
        if (!response.ok()) return fail(refusal(method, path, response));
        auto value = parse_json(response.body, fmt::format("Kubernetes API: the answer to {} {}", method, path));
        if (!value) return fail(ErrorKind::unavailable, value.error().message);  // cut off by something in between
        return *std::move(value);
    }

    Error refusal(const std::string& method, const std::string& path, const HttpResponse& response) const {
        std::string said = kube_error_message(response.body);
        if (said.empty()) said = "no reason given";
        Error error{kind_of(response.status),
                    fmt::format("Kubernetes API: {} {}: {} {}", method, path, response.status, said),
                    {},
                    {}};
        if (response.status == 401)
            error.hint = "this identity is not known to the cluster: expired certificate or another cluster's?";
        return error;
    }

    Http& http_;
    Kubeconfig config_;
    KubeClientOptions options_;
};

}  // namespace

std::string kube_error_message(std::string_view body) {
    if (const auto status = parse_json(body, "answer"))
        if (auto message = json_string(*status, {"message"})) return *std::move(message);
    std::string line(body.substr(0, std::min<std::size_t>(body.find('\n'), 300)));
    while (!line.empty() && static_cast<unsigned char>(line.back()) <= ' ') line.pop_back();
    return line;
}

std::unique_ptr<KubeApi> make_kube_client(Http& http, Kubeconfig config, KubeClientOptions options) {
    return std::make_unique<KubeClient>(http, std::move(config), std::move(options));
}

std::unique_ptr<KubeApi> make_anonymous_kube_client(Http& http, const std::string& server, const std::string& ca_pem,
                                                    KubeClientOptions options) {
    Kubeconfig config;
    config.server = server;
    config.ca_pem = ca_pem;
    return make_kube_client(http, std::move(config), std::move(options));
}

}  // namespace nodeboot
