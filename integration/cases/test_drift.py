"""What somebody changed by hand is shown by `plan`, mended by `up`, and nothing else is touched."""
from __future__ import annotations

from dataclasses import dataclass

import pytest
from cases.node import NOTHING, PENDING, Node

from lab.machine import wait_for


@dataclass(frozen=True)
class Drift:
    name: str
    break_it: str  # shell
    is_mended: str  # shell, succeeds when it is right again
    mentions: str  # some change's subject contains this
    touches: tuple[str, ...] = ()  # what mending may touch, as a footprint names it
    role: str = "worker"
    needs: str = "true"  # shell; the drift does not exist where this fails
    undo: str = ""  # shell, afterwards, whatever happened


DROP_IN = "/etc/systemd/system/kubelet.service.d/20-nodeboot.conf"
OF_KUBELET = "tr '\\0' '\\n' < /proc/$(systemctl show --value -p MainPID kubelet)"
KUBELET_HAS_DRIFTED = f"{OF_KUBELET}/environ | grep -qx DRIFTED=yes"

DRIFTS = (
    Drift("a sysctl set by hand", "sysctl -qw net.ipv4.ip_forward=0", "[ $(sysctl -n net.ipv4.ip_forward) = 1 ]",
          "net.ipv4.ip_forward"),
    Drift("a sysctl file gone", "rm /etc/sysctl.d/*nodeboot*.conf", "ls /etc/sysctl.d/*nodeboot*.conf",
          "/etc/sysctl.d/", ("/etc/sysctl.d/",)),
    Drift("a sysctl file edited", "sed -i 's/=.*/= 0/' /etc/sysctl.d/*nodeboot*.conf",
          "grep -q 'net.ipv4.ip_forward *= *1' /etc/sysctl.d/*nodeboot*.conf", "/etc/sysctl.d/", ("/etc/sysctl.d/",)),
    Drift("the modules file gone", "rm /etc/modules-load.d/*nodeboot*.conf", "ls /etc/modules-load.d/*nodeboot*.conf",
          "/etc/modules-load.d/", ("/etc/modules-load.d/",)),
    Drift("swap on", "fallocate -l 16M /var/lib/containerd/swap && chmod 600 /var/lib/containerd/swap && "
          "mkswap -q /var/lib/containerd/swap && swapon /var/lib/containerd/swap", "! grep -q swap /proc/swaps", "swap",
          undo="swapoff /var/lib/containerd/swap 2>/dev/null; rm -f /var/lib/containerd/swap",
          needs="fallocate -l 1M /var/lib/containerd/t && mkswap -q /var/lib/containerd/t && "
          "swapon /var/lib/containerd/t && swapoff /var/lib/containerd/t; r=$?; rm -f /var/lib/containerd/t; exit $r"),
    Drift("swap in fstab", "echo '/dev/vdz none swap sw 0 0' >> /etc/fstab", "! grep -q '^/dev/vdz' /etc/fstab",
          "fstab", ("/etc/fstab",)),
    Drift("containerd's config edited", "sed -i 's/SystemdCgroup *= *true/SystemdCgroup = false/' "
          "/etc/containerd/config.toml", "grep -q 'SystemdCgroup *= *true' /etc/containerd/config.toml",
          "/etc/containerd/config.toml", ("/etc/containerd/config.toml", "containerd.service")),
    Drift("containerd stopped", "systemctl stop containerd", "systemctl is-active containerd", "containerd",
          ("containerd.service",)),
    Drift("kubelet stopped", "systemctl stop kubelet", "systemctl is-active kubelet", "kubelet", ("kubelet.service",)),
    Drift("kubelet's unit edited, and in force", f"sed -i 's/^RestartSec=2$/Environment=DRIFTED=yes/' {DROP_IN} && "
          f"systemctl daemon-reload && systemctl restart kubelet && i=0 && until {KUBELET_HAS_DRIFTED}; "
          "do i=$((i + 1)); [ $i -lt 600 ] || exit 1; sleep 0.1; done",
          f"! {KUBELET_HAS_DRIFTED}", DROP_IN, (DROP_IN, "kubelet.service")),
    Drift("kubelet disabled", "systemctl disable kubelet", "systemctl is-enabled kubelet", "kubelet",
          ("kubelet.service",)),
    Drift("a hold removed", "apt-mark unhold kubelet", "apt-mark showhold | grep -qx kubelet", "kubelet", ("packages",),
          needs="apt-mark showhold | grep -qx kubelet"),
    Drift("a kubeconfig's mode loosened", "chmod 644 /etc/kubernetes/admin.conf",
          "[ $(stat -c %a /etc/kubernetes/admin.conf) = 600 ]", "admin.conf", ("/etc/kubernetes/admin.conf",),
          role="control-plane"),
    Drift("root's kubeconfig loosened", "chmod 644 /root/.kube/config", "[ $(stat -c %a /root/.kube/config) = 600 ]",
          "/root/.kube/config", ("/root/.kube/config",), role="control-plane"),
    Drift("crictl's config gone", "rm /etc/crictl.yaml", "grep -q containerd.sock /etc/crictl.yaml", "/etc/crictl.yaml",
          ("/etc/crictl.yaml",)),
    Drift("the resolver's drop-in gone", "rm /etc/systemd/resolved.conf.d/*nodeboot*.conf",
          "ls /etc/systemd/resolved.conf.d/*nodeboot*.conf", "resolved", ("/etc/systemd/resolved", "systemd-resolved")),
    Drift("the pods' resolver edited", "echo nameserver 8.8.8.8 >> /etc/nodeboot/pods-resolv.conf",
          "! grep -q 8.8.8.8 /etc/nodeboot/pods-resolv.conf", "/etc/nodeboot/pods-resolv.conf",
          ("/etc/nodeboot/pods-resolv.conf",)),
    Drift("the pods' resolver gone", "rm /etc/nodeboot/pods-resolv.conf", "grep -q nameserver /etc/nodeboot/pods-resolv.conf",
          "/etc/nodeboot/pods-resolv.conf", ("/etc/nodeboot/pods-resolv.conf",)),
    Drift("a kubelet of before, not told of the pods' resolver",
          "sed -i 's/ *--resolv-conf=[^ \"]*//' /var/lib/kubelet/kubeadm-flags.env && systemctl restart kubelet",
          f"{OF_KUBELET}/cmdline | grep -qx -- --resolv-conf=/etc/nodeboot/pods-resolv.conf", "kubeadm-flags.env",
          ("/var/lib/kubelet/kubeadm-flags.env", "kubelet.service")),
    Drift("the rotation timer stopped", "systemctl disable --now nodeboot-rotate-token.timer",
          "systemctl is-active nodeboot-rotate-token.timer && systemctl is-enabled nodeboot-rotate-token.timer",
          "nodeboot-rotate-token", ("nodeboot-rotate-token",), role="control-plane"),
)


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.name)
def test_it_is_shown_and_mended_and_nothing_else_is_touched(drift: Drift, control_plane: Node, worker: Node) -> None:
    node = control_plane if drift.role == "control-plane" else worker
    if not node.machine.run(drift.needs).ok:
        pytest.skip(f"{node.machine.name} has no such thing")
    before = node.footprint()
    try:
        node.machine.must(drift.break_it)
        plan = node.plan()
        assert plan.code == PENDING
        assert any(drift.mentions in change["subject"] for change in plan.changes), str(plan)
        done = node.up()
        assert done.changes, "up mended nothing"
        wait_for(f"{drift.name} to be mended", lambda: node.machine.run(drift.is_mended).ok, 30)
        touched = [one for one in before.against(node.footprint())
                   if not any(allowed in one for allowed in drift.touches)]
        assert touched == []
        node.converged()
    finally:
        node.machine.run(drift.undo)


def test_several_at_once_are_all_shown(worker: Node) -> None:
    worker.machine.must("sysctl -qw net.ipv4.ip_forward=0; systemctl stop kubelet; rm /etc/crictl.yaml")
    assert len(worker.plan().phases) >= 3
    worker.up()
    worker.converged()


@pytest.mark.parametrize("role, look", [("worker", "status"), ("control_plane", "plan")])
def test_a_kubelet_configuration_that_is_not_the_clusters_is_said(role: str, look: str,
                                                                  request: pytest.FixtureRequest) -> None:
    """And left alone: it may be meant. A worker's `plan` does without the API server."""
    node: Node = request.getfixturevalue(role)
    file, kept = "/var/lib/kubelet/config.yaml", "/var/lib/kubelet/config.yaml.kept"
    node.machine.must(f"cp -p {file} {kept} && sed -i 's/^maxPods: .*/maxPods: 42/' {file}")
    try:
        said = node.nodeboot("node", look)
        assert f"{file} differs from the cluster's ConfigMap" in said.err and ", here 42;" in said.err, said
        assert said.code == NOTHING, said
    finally:
        node.machine.must(f"mv {kept} {file}")
    assert "differs from the cluster's" not in node.nodeboot("node", look).err
