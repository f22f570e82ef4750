#pragma once

#include <memory>
#include <stop_token>

#include "net/http.hpp"
#include "net/kube_api.hpp"
#include "net/kubeconfig.hpp"

namespace nodeboot {

struct KubeClientOptions {
    Duration timeout = std::chrono::seconds(15);
    Duration connect_timeout = std::chrono::seconds(3);
    std::stop_token stop;
};

/// KubeApi over HTTP with one kubeconfig's identity, trusting only that kubeconfig's CA (without
/// one every call is `refused`). Nothing is retried.
/// Errors carry the server's own message. Kinds: `unavailable` (no answer, timeout, 429, 5xx), `permission` (401, 403),
/// `conflict` (409), `invalid_input` (400, 422: the object does not suit the server), `refused` (not the CA's server),
/// `not_found` (404 where the object was required, or the server knows no such API).
std::unique_ptr<KubeApi> make_kube_client(Http& http, Kubeconfig config, KubeClientOptions options = {});

/// The same without an identity: may see /readyz and cluster-info only.
std::unique_ptr<KubeApi> make_anonymous_kube_client(Http& http, const std::string& server, const std::string& ca_pem,
                                                    KubeClientOptions options = {});

/// What a Status answer or any other body says went wrong; empty when it says nothing.
std::string kube_error_message(std::string_view body);

}  // namespace nodeboot
