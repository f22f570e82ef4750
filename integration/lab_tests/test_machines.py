"""The lab with real machines in it, before nodeboot comes into play: is it EC2 enough, and strict where EC2 is?"""
from __future__ import annotations

import os
import signal
from typing import Iterator

import pytest

from lab import cgroups, command, processes
from lab.lab import Lab
from lab.machine import Machine, wait_for

ROLE = "lab-test"
PARAMETER = "/nodeboot/test/join"
TOKEN = "$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)"


def metadata(path: str) -> str:
    return f'curl -sfH "X-aws-ec2-metadata-token: {TOKEN}" http://169.254.169.254/latest/{path}'


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[Machine]:
    lab.call("put_role", name=ROLE, document={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ssm:GetParameter",
         "Resource": f"arn:aws:ssm:{lab.region}:123456789012:parameter{PARAMETER}"}]})
    one = lab.launch("probe", role=ROLE, user_data="#cloud-config\nruncmd:\n- touch /root/user-data-ran\n")
    one.wait_booted()
    yield one
    one.terminate()


@pytest.fixture(scope="module")
def other(lab: Lab) -> Iterator[Machine]:
    one = lab.launch("other", subnet="public")
    one.wait_booted()
    yield one
    one.terminate()


def test_cloud_init_finds_ec2_and_runs_the_user_data(machine: Machine) -> None:
    assert "DataSourceEc2" in machine.must("cloud-init status --long")
    assert machine.exists("/root/user-data-ran")
    assert machine.must("hostname").strip() == machine.node_name


def test_every_unit_started(machine: Machine) -> None:
    assert machine.must("systemctl --failed --plain --no-legend").strip() == ""


def test_metadata_needs_a_token_of_this_instance(machine: Machine, other: Machine) -> None:
    status = "curl -so /dev/null -w '%{http_code}' "
    assert machine.must(status + "http://169.254.169.254/latest/meta-data/").strip() == "401"
    assert machine.must(metadata("meta-data/local-ipv4")) == machine.instance.address
    token = other.must(f"echo {TOKEN}").strip()
    said = machine.must(f"{status} -H 'X-aws-ec2-metadata-token: {token}' http://169.254.169.254/latest/meta-data/")
    assert said.strip() == "401"


def test_a_forwarded_request_gets_no_token(machine: Machine) -> None:
    said = machine.must("curl -so /dev/null -w '%{http_code}' -X PUT -H 'X-Forwarded-For: 1.2.3.4' -H "
                        "'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token")
    assert said == "403"


def test_a_pod_cannot_get_a_token_through_one_more_hop(machine: Machine) -> None:
    machine.must("ip netns add pod && ip link add v0 type veth peer name eth0 netns pod && ip addr add 10.9.0.1/24 dev "
                 "v0 && ip link set v0 up && ip -n pod addr add 10.9.0.2/24 dev eth0 && ip -n pod link set eth0 up && "
                 "ip -n pod route add default via 10.9.0.1 && sysctl -qw net.ipv4.ip_forward=1 && "
                 "iptables -t nat -A POSTROUTING -s 10.9.0.0/24 ! -o v0 -j MASQUERADE")
    ask = "ip netns exec pod curl -s -o /dev/null -w '%{http_code}' "
    assert machine.run(ask + "-m 60 http://169.254.169.254/latest/meta-data/").out == "401"  # it reaches the service …
    assert machine.run(ask + "-m 3 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "
                       "http://169.254.169.254/latest/api/token").out == "000"  # … but the token does not come back
    machine.must("ip netns delete pod; iptables -t nat -F POSTROUTING; sysctl -qw net.ipv4.ip_forward=0")


def test_public_resolvers_do_not_know_the_vpc(machine: Machine, other: Machine) -> None:
    assert other.instance.address in machine.must(["resolvectl", "query", other.instance.fqdn])
    machine.must("printf '[Resolve]\\nDNS=8.8.8.8\\nDomains=~.\\n' > /etc/systemd/resolved.conf.d/t.conf || { mkdir -p "
                 "/etc/systemd/resolved.conf.d && printf '[Resolve]\\nDNS=8.8.8.8\\n' > "
                 "/etc/systemd/resolved.conf.d/t.conf; }; resolvectl dns host0 8.8.8.8")
    assert not machine.run(["resolvectl", "query", other.instance.fqdn]).ok
    assert machine.run(["resolvectl", "query", "ssm.eu-central-1.amazonaws.com"]).ok
    machine.must("rm /etc/systemd/resolved.conf.d/t.conf; resolvectl dns host0 10.0.0.2")


def aws(parameter: str, action: str = "GetParameter") -> str:
    """A signed call with the instance's own credentials, by curl."""
    decrypt = ", \"WithDecryption\": true" if action == "GetParameter" else ""
    return (f"c=$({metadata('meta-data/iam/security-credentials/' + ROLE)}); get() {{ echo \"$c\" | sed -n "
            "'s/.*\"'$1'\": \"\\(.*\\)\".*/\\1/p'; }; curl -s --aws-sigv4 aws:amz:eu-central-1:ssm "
            "--user \"$(get AccessKeyId):$(get SecretAccessKey)\" -H \"X-Amz-Security-Token: $(get Token)\" "
            f"-H 'X-Amz-Target: AmazonSSM.{action}' -H 'Content-Type: application/x-amz-json-1.1' "
            f"-d '{{\"Name\": \"{parameter}\"{decrypt}}}' https://ssm.eu-central-1.amazonaws.com/")


def test_the_role_reads_its_parameter_and_no_other(lab: Lab, machine: Machine) -> None:
    for name in (PARAMETER, "/nodeboot/test/other"):
        lab.call("aws", service="ssm", target="AmazonSSM.PutParameter",
                 parameters={"Name": name, "Value": "s3cret", "Type": "SecureString", "Overwrite": True})
    assert '"s3cret"' in machine.must(aws(PARAMETER))
    assert "AccessDenied" in machine.must(aws("/nodeboot/test/other"))
    assert "AccessDenied" in machine.must(aws(PARAMETER, "DeleteParameter"))
    assert lab.requests(outcome="AccessDeniedException", action="DeleteParameter", role=ROLE)


def test_a_wrong_signature_is_refused(lab: Lab, machine: Machine) -> None:
    assert "InvalidSignatureException" in machine.must(aws(PARAMETER).replace("get SecretAccessKey", "echo wrong"))


def test_expired_credentials_are_refused_and_new_ones_work(lab: Lab, machine: Machine) -> None:
    old = aws(PARAMETER)
    machine.must(f"{metadata('meta-data/iam/security-credentials/' + ROLE)} > /root/credentials")
    lab.call("expire_credentials")
    kept = "c=$(cat /root/credentials); " + old.split("; ", 1)[1]
    assert "ExpiredToken" in machine.must(kept)
    assert '"s3cret"' in machine.must(old)


@pytest.mark.parametrize("effect, value, said", [
    ("error", "ThrottlingException", "ThrottlingException"), ("status", 503, ""), ("lost", None, ""),
    ("truncate", 10, "")])
def test_aws_fails_on_request(lab: Lab, machine: Machine, effect: str, value: object, said: str) -> None:
    with lab.fault("aws", effect, value, action="GetParameter"):
        answer = machine.run(aws(PARAMETER)).out
        assert "s3cret" not in answer and said in answer
    assert "s3cret" in machine.must(aws(PARAMETER))


def test_packages_install_from_the_lab_and_a_changed_index_is_refused(lab: Lab, machine: Machine) -> None:
    machine.must("apt-get update")
    machine.must("DEBIAN_FRONTEND=noninteractive apt-get install -y runc", timeout=300)
    machine.must("rm -rf /var/lib/apt/lists/*")
    with lab.fault("packages", "corrupt", path="InRelease$"):
        assert not machine.run("apt-get update -o APT::Update::Error-Mode=any").ok
    machine.must("rm -rf /var/lib/apt/lists/*")  # apt would resume the bad file


def test_kubernetes_packages_and_images_come_under_their_real_names(lab: Lab, machine: Machine) -> None:
    url = "https://pkgs.k8s.io/core:/stable:/v1.34/deb/"
    machine.must(f"curl -sf {url}Release.key | gpg --dearmor > /etc/apt/k.gpg && "
                 f"echo 'deb [signed-by=/etc/apt/k.gpg] {url} /' > /etc/apt/sources.list.d/k.list")
    machine.must("apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y kubelet=1.34.2-1.1 kubeadm "
                 "kubectl containerd", timeout=300)
    assert machine.must("kubelet").strip() == "bin/kubelet"
    assert machine.must("ls /opt/cni/bin").split() == ["bridge", "loopback"]
    machine.must("ctr images pull registry.k8s.io/lab-test:1")
    with lab.fault("images", "status", 503):
        assert not machine.run("ctr images pull registry.k8s.io/lab-test:1").ok


def test_nothing_leaves_the_lab(machine: Machine) -> None:
    assert not machine.run("curl -sm 3 http://1.1.1.1/").ok
    assert not machine.run(["resolvectl", "query", "example.com"]).ok


def test_a_disk_is_as_large_as_it_says(lab: Lab, other: Machine) -> None:
    other.must("fallocate -l 29G /filler")
    assert not other.run("dd if=/dev/zero of=/more bs=1M count=2000").ok
    other.must("rm -f /filler /more")


def test_files_survive_a_reboot_and_a_power_cut(other: Machine) -> None:
    other.write("/etc/kept", "yes")
    other.must("echo gone > /run/volatile; sync")
    boot = other.read("/proc/sys/kernel/random/boot_id")
    other.reboot()
    other.wait_booted()
    assert other.read("/etc/kept") == "yes" and not other.exists("/run/volatile")
    assert other.read("/proc/sys/kernel/random/boot_id") != boot
    other.cut_power()
    assert not other.running
    other.boot()
    other.wait_booted()
    assert other.read("/etc/kept") == "yes"


def test_a_terminated_machine_leaves_nothing(lab: Lab) -> None:
    one = lab.launch("short-lived")
    folder, leader = one.folder, one.leader
    one.terminate()
    assert not folder.exists() and leader
    assert str(folder) not in open("/proc/self/mounts").read()


def test_down_leaves_nothing_even_after_a_crash() -> None:
    crashed = Lab("crashed")
    crashed.up()
    machine = crashed.launch("one")
    inside = cgroups.processes("crashed")
    for name in ("services.pid", f"machines/{machine.instance.id}/supervisor.pid"):
        pid = processes.recall(crashed.folder / name)
        assert pid in inside
        os.kill(pid, signal.SIGKILL)
    wait_for("the servers to be gone", lambda: not crashed.is_up, 30)
    crashed.down()
    assert not crashed.folder.exists() and not crashed.network.path.exists()
    assert str(crashed.folder) not in open("/proc/self/mounts").read()
    assert str(crashed.folder) not in command.must(["losetup", "--list", "--noheadings", "--output", "BACK-FILE"])
    assert not cgroups.processes("crashed")
    assert not [root for root in cgroups.hierarchies() if (root / cgroups.TOP / "crashed").exists()]
    assert not [pid for pid in inside if processes.start_time(pid)]
