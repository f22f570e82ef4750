#include "net/discovery.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "net/bootstrap_token.hpp"
#include "net/certificate.hpp"
#include "net/kube_client.hpp"
#include "net/kubeconfig.hpp"

namespace nodeboot {
namespace {

Result<ClusterInfo> fetch_unverified(Http& http, const std::string& endpoint, std::stop_token stop) {
    HttpRequest request;
    request.url = "https://" + endpoint + "/api/v1/namespaces/kube-public/configmaps/cluster-info";
    request.unverified_tls = true;
    request.timeout = std::chrono::seconds(10);
    request.connect_timeout = std::chrono::seconds(3);
    request.max_body = 1U << 20;
    auto response = NB_TRY(http.send(request, std::move(stop)));
    if (response.status == 404 || response.status == 403)  // the API is up, kubeadm has not published it yet
        return fail(ErrorKind::unavailable, fmt::format("{} has no cluster-info yet", endpoint));
    if (!response.ok()) return fail(status_error(request, response));
    const auto object = NB_TRY(parse_json(response.body, "cluster-info"));
    return parse_cluster_info(object);
}

Result<void> check_pin(const std::string& ca_pem, const std::vector<std::string>& pins) {
    const auto hash = NB_TRY_CONTEXT(ca_hash(ca_pem), "the CA in cluster-info");
    if (std::find(pins.begin(), pins.end(), hash) != pins.end()) return {};
    return fail(
        ErrorKind::refused,
        fmt::format("the cluster's CA is {}, the join secret pins {}", hash, pins.empty() ? "none" : pins.front()),
        "another cluster answers at that address, or its CA was replaced: `nodeboot node rotate-token` on the "
        "control plane publishes the present one");
}

// kubeadm's has one cluster and neither user nor context; parse_kubeconfig wants all three.
Result<Kubeconfig> kubeconfig_of(const ClusterInfo& info) {
    const ReadFile no_files = [](const std::string&) -> Result<std::optional<std::string>> { return std::nullopt; };
    return parse_cluster_only_kubeconfig(info.kubeconfig, no_files, "of cluster-info");
}

}  // namespace

Result<bool> cluster_has_ca(Http& http, const std::string& endpoint, const std::vector<std::string>& pins,
                            std::stop_token stop) {
    const std::string context = "look for a cluster at " + endpoint;
    const auto info = NB_TRY_CONTEXT(fetch_unverified(http, endpoint, stop), context);
    const auto config = kubeconfig_of(info);
    if (!config || !check_pin(config->ca_pem, pins)) return false;
    const auto api = make_anonymous_kube_client(http, "https://" + endpoint, config->ca_pem, {.stop = stop});
    const auto proven = read_cluster_info(*api);
    if (proven) return true;
    if (proven.error().kind == ErrorKind::refused) return false;  // it says so, and its certificate is another CA's
    return fail(Error(proven.error()).with_context(context));
}

Result<DiscoveredCluster> discover_cluster(Http& http, const JoinSecret& secret, std::stop_token stop) {
    const std::string context = "discover the cluster at " + secret.endpoint;
    const auto token = NB_TRY(parse_bootstrap_token(secret.token));
    const auto info = NB_TRY_CONTEXT(fetch_unverified(http, secret.endpoint, stop), context);
    NB_CHECK_CONTEXT(verify_cluster_info(info, token), context);
    const auto config = NB_TRY_CONTEXT(kubeconfig_of(info), context);
    NB_CHECK_CONTEXT(check_pin(config.ca_pem, secret.ca_cert_hashes), context);

    const auto api = make_anonymous_kube_client(http, "https://" + secret.endpoint, config.ca_pem, {.stop = stop});
    const auto again = NB_TRY_CONTEXT(read_cluster_info(*api), context);
    if (!again || again->kubeconfig != info.kubeconfig)
        return fail(ErrorKind::unavailable, context + ": cluster-info changed meanwhile");
    return DiscoveredCluster{config.server, config.ca_pem};
}

}  // namespace nodeboot
