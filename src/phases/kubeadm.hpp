#pragma once

#include <optional>
#include <string>
#include <vector>

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// What the phases around kubeadm share: its paths, its version, and how it is run.

inline constexpr const char* kubernetes_dir = "/etc/kubernetes";
inline constexpr const char* admin_conf = "/etc/kubernetes/admin.conf";
inline constexpr const char* kubelet_conf = "/etc/kubernetes/kubelet.conf";
inline constexpr const char* bootstrap_kubelet_conf = "/etc/kubernetes/bootstrap-kubelet.conf";
inline constexpr const char* kubelet_config = "/var/lib/kubelet/config.yaml";
inline constexpr const char* etcd_member_dir = "/var/lib/etcd/member";
inline constexpr const char* kubeadm_init_config = "/etc/kubernetes/nodeboot-init.yaml";
/// There from before `kubeadm init` until it has ended well.
inline constexpr const char* kubeadm_init_unfinished = "/etc/kubernetes/nodeboot-init.unfinished";

/// Asks the installed kubeadm ("v1.35.2"). Costs a process: only for machines that are not in the cluster yet.
Result<Version> kubeadm_version(const HostView& view);

/// Runs kubeadm with a deadline, passing each "[phase] …" line of its output on as progress. A failure carries the
/// "[ERROR …]" lines; nothing that looks like a bootstrap token survives in the error.
Result<void> run_kubeadm(ActionContext& context, std::vector<std::string> arguments, Duration timeout);

/// Replaces everything of the form abcdef.0123456789abcdef by "<token>".
std::string without_tokens(std::string text);

/// The node's own Node object is there and its condition Ready is True. `unavailable` with the reason otherwise.
Result<void> node_is_ready(const KubeReader& api, const std::string& node_name);

/// Polls `probe` every 500 ms until it succeeds, fails with something other than unavailable/timeout/not_found, the
/// deadline passes, or the run is stopped.
Result<void> wait_until(StepContext& step, const std::function<Result<void>()>& probe);

}  // namespace nodeboot
