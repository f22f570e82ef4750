#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "net/http.hpp"
#include "net/join_store.hpp"

namespace nodeboot {

/// What a worker may believe of a cluster before it joins: the API at `endpoint`, and the CA it proved itself with.
struct DiscoveredCluster {
    std::string server;  ///< https URL as cluster-info names it
    std::string ca_pem;
};

/// kubeadm's token discovery, done ahead of `kubeadm join` so that each way it can fail has its own error: fetch
/// cluster-info without trust, check the token's signature and that the CA in it is one of the pinned ones, then
/// fetch it again over TLS checked against that CA.
/// `unavailable`: nothing answers yet. `not_found`: the token is not (or no longer) known there.
/// `refused`: another cluster answers.
Result<DiscoveredCluster> discover_cluster(Http& http, const JoinSecret& secret, std::stop_token stop = {});

/// Does the cluster at `endpoint` prove itself with the CA that one of `pins` names? False where another one answers.
/// `unavailable` or `timeout`: nobody answers, or not with a cluster-info. Needs no token.
Result<bool> cluster_has_ca(Http& http, const std::string& endpoint, const std::vector<std::string>& pins,
                            std::stop_token stop = {});

}  // namespace nodeboot
