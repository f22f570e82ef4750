#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Which name servers pods ask (docs/decisions/0011-pods-dns.md): with `dns.mode = "google"` those that the links brought
/// along, so the VPC's resolver, and nobody beside it. CoreDNS and libc believe an NXDOMAIN of whomever they asked; only
/// systemd-resolved asks two at once and takes the one that knows the name.

/// nodeboot's own file for kubelet's --resolv-conf. Neither `kubeadm reset` nor a reboot takes it away.
inline constexpr auto pods_resolv_conf = "/etc/nodeboot/pods-resolv.conf";

/// The file fits what the links say now, and the kubelet of a member is told of it. Nothing is written while no server of a
/// link's is known (networkd restarts, a lease is late): what was written stays. kubelet reads the file for each pod that
/// it starts and is restarted only when its arguments change. A kubelet that was told of the file keeps it in every mode;
/// an argument `resolv-conf` in kubelet.extra_args is the user's and stays.
Result<void> want_pods_dns(std::vector<NodeChange>& changes, const HostView& view, const Config& config,
                           const Clock& clock);
/// Without the file; the kubelet that was told of it has left its cluster by then.
Result<void> undo_pods_dns(std::vector<NodeChange>& changes, const HostView& view);

/// What kubelet's --resolv-conf has to be on a machine that joins now: pods_resolv_conf where it was written, else the file
/// that names real servers. A resolv.conf with a loopback stub (127.0.0.53) makes CoreDNS ask itself (coredns loop plugin);
/// where resolved's stub is in use that is resolved's own list.
Result<std::string> kubelet_resolv_conf(const HostView& view);
/// The same for a run of kubeadm, which says so where it is not pods_resolv_conf although it ought to be.
Result<std::string> resolv_conf_for_kubelet(ActionContext& context, const Config& config);

}  // namespace nodeboot
