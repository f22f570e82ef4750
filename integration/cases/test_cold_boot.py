"""From bare instances to Ready members, by user-data alone."""
from __future__ import annotations

import json

from cases.node import Node, kube_nodes, labelled, names, ready

from lab.cluster import Cluster
from lab.lab import Lab
from lab.machine import Machine, wait_for

JOIN = "/nodeboot/test/join"


# containerd's for each pod, and where the stand-in's kubelet notes the same.
RESOLV_CONFS = "/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf /run/standin-kubelet/*"
CLUSTER_DNS = "10.96.0.10"
ASK = """
import socket, sys
server, name = sys.argv[1:]
question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\\0\\0\\1\\0\\1"
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(60)
asking.sendto(b"ab\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question, (server, 53))
print(socket.inet_ntoa(asking.recv(512)[-4:]))
"""


def secret(lab: Lab) -> dict[str, object]:
    said = lab.call("aws", service="ssm", target="AmazonSSM.GetParameter",
                    parameters={"Name": JOIN, "WithDecryption": True})
    return json.loads(said["Parameter"]["Value"])  # type: ignore[no-any-return]


def test_every_machine_is_a_ready_node(machines: list[Machine]) -> None:
    for name in names(machines):
        wait_for(f"{name} to be Ready", lambda: ready(machines[0], name), 60)
    assert set(kube_nodes(machines[0])) == set(names(machines))


def test_roles_are_labelled_from_the_control_plane(machines: list[Machine]) -> None:
    for machine in machines:
        assert labelled(machines[0], machine)


def test_pods_ask_only_servers_that_know_the_vpcs_names(node: Node, control_plane: Node) -> None:
    """The machine asks Google beside the VPC's resolver, which alone has heard of the instances."""
    assert "8.8.8.8" in node.machine.read("/run/systemd/resolve/resolv.conf")
    said = node.machine.must(f"cat {RESOLV_CONFS} 2>/dev/null | sed -n 's/^nameserver //p'").split()
    servers = set(said) - {CLUSTER_DNS}
    assert servers, "no pod of the host's network, nor CoreDNS, was started here"
    instance = control_plane.machine.instance
    for server in servers:
        found = node.machine.run(["python3", "-c", ASK, server, instance.fqdn], check=True).out.strip()
        assert found == instance.address, f"{server} says {found}"


def test_cloud_init_ended_well(machines: list[Machine]) -> None:
    for machine in machines:
        assert machine.run(["cloud-init", "status", "--wait"]).code in (0, 2)
        assert "Valid schema" in machine.must("cloud-init schema --system")


def test_no_unit_failed(machines: list[Machine]) -> None:
    for machine in machines:
        assert machine.must("systemctl --failed --plain --no-legend").strip() == ""


def test_the_whole_boot_can_be_followed_on_the_console(machines: list[Machine]) -> None:
    """Each phase that changed something has its line: none got lost among what systemd and cloud-init write."""
    for machine in machines:
        records = [line for line in machine.console().splitlines() if line.startswith("nodeboot: ")]
        text = "\n".join(records)
        assert " installed " in text and " run began " in text and " run outcome=ready " in text, text
        first = machine.must("ls /var/lib/nodeboot/runs/*.json | head -1").strip()
        changed = [phase["name"] for phase in json.loads(machine.read(first))["phases"] if phase["outcome"] == "changed"]
        assert len(changed) >= 10
        missing = [name for name in changed if f" phase={name} outcome=changed " not in text]
        assert not missing, text


def test_a_run_record_is_left(node: Node) -> None:
    runs = node.machine.must("ls /var/lib/nodeboot/runs").split()
    assert runs
    assert node.machine.must("stat -c %a /var/lib/nodeboot/runs").strip() == "700"


def test_the_secret_is_published_and_nowhere_else(lab: Lab, machines: list[Machine]) -> None:
    document = secret(lab)
    token = str(document["token"]).partition(".")[2]
    assert document["format"] == 1 and len(token) == 16
    for machine in machines:
        places = "/etc/nodeboot /var/lib/nodeboot /var/lib/cloud /var/log /run/log /run/cloud-init"
        assert machine.run(f"grep -rlF {token} {places} 2>/dev/null").out == ""
        assert token not in machine.must("journalctl --no-pager --output=cat")
        assert token not in machine.console()


def test_the_worker_asked_for_its_one_parameter_and_nothing_else(cluster: Cluster, lab: Lab) -> None:
    asked = {(one["action"], one["subject"]) for one in lab.requests(service="ssm", role=cluster.role("worker"))}
    assert asked == {("GetParameter", JOIN)}


def test_files_with_keys_are_roots_alone(node: Node) -> None:
    loose = node.machine.must("find /etc/kubernetes /var/lib/kubelet/pki -name '*.conf' -perm /077 -o -name '*.key' "
                              "-perm /077")
    assert loose == ""


def test_kubelet_rotates_logs_and_keeps_resources_back(node: Node, control_plane: Node) -> None:
    """As the configuration says; a t3.small has 2 GiB."""
    settings = node.machine.read("/var/lib/kubelet/config.yaml")
    for line in ("containerLogMaxSize: 10Mi", "containerLogMaxFiles: 5", "maxPods: 110", "cgroupDriver: systemd"):
        assert line in settings, settings
    status = kube_nodes(control_plane.machine)[node.machine.node_name]["status"]
    assert kib(status["allocatable"]["memory"]) < kib(status["capacity"]["memory"]), status
    assert status["allocatable"]["cpu"] != status["capacity"]["cpu"], status


def kib(quantity: str) -> int:
    return int(quantity.removesuffix("Ki"))


def test_kubernetes_packages_are_held(node: Node, request: object) -> None:
    if node.machine.run("dpkg -s kubelet").ok:
        assert {"kubelet", "kubeadm", "kubectl"} <= set(node.machine.must("apt-mark showhold").split())
