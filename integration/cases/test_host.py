"""What machines bring along: swap on zram, chrony, NetworkManager, all as Debian packages them.

The machines are bare (no cluster) and run the host phases alone.
"""
from __future__ import annotations

from typing import Callable, Iterator

import pytest
from cases.node import NOTHING, PENDING, Node

from lab import pool
from lab.cluster import find_binary
from lab.lab import Lab
from lab.machine import Machine, wait_for

# The machine that the lab runs on may have cgroup v1, which is no matter of these phases.
HOST = ("--only", "preflight,dns,time-sync,kernel-modules,sysctl,swap,network-links", "--set",
        'host.ignore_preflight=["cgroup"]')


class Bare(Node):
    """A machine on which only the host phases run."""

    settings: tuple[str, ...] = ()

    def host(self, verb: str) -> str:
        said = self.nodeboot("node", verb, *HOST, *self.settings)
        assert said.code in (NOTHING, PENDING), said.err[-3000:] + said.out[-3000:]
        return said.out

    def first_run(self) -> str:
        """Converges; what was done. A second run must do nothing, and write and restart nothing."""
        done = self.host("up")
        before = self.footprint()
        said = self.nodeboot("node", "plan", *HOST, *self.settings)
        assert said.code == NOTHING, said.out
        self.host("up")
        assert before.against(self.footprint()) == []
        return done


def install(machine: Machine, packages: tuple[str, ...], without: str) -> None:
    """Debian's own, with their maintainer scripts; recommended ones are left out. `without`: what apt would take away."""
    if without:
        machine.must(f"dpkg --remove {without}")
    for deb in pool.packages(packages).glob("*.deb"):
        machine.write(f"/root/debs/{deb.name}", deb.read_bytes())
    machine.must("export DEBIAN_FRONTEND=noninteractive; dpkg -i /root/debs/*.deb && rm -r /root/debs", timeout=600)


@pytest.fixture
def bare(lab: Lab) -> Iterator[Callable[..., Bare]]:
    made: list[Machine] = []

    def make(*packages: str, without: str = "") -> Bare:
        machine = lab.launch(f"host-{len(made) + 1}", user_data="#cloud-config\n{}\n")
        made.append(machine)
        machine.wait_booted()
        machine.run(["cloud-init", "status", "--wait"])
        machine.write("/usr/local/bin/nodeboot", find_binary().read_bytes(), 0o755)
        install(machine, packages, without)
        return Bare(machine)

    yield make
    for one in made:
        one.terminate()


# What the generator would make at boot. It makes nothing in a container unless a root is named.
GENERATE = ("rm -rf /tmp/g && mkdir -p /tmp/g && ZRAM_GENERATOR_ROOT=/ "
            "/usr/lib/systemd/system-generators/zram-generator /tmp/g /tmp/g /tmp/g; ls /tmp/g | grep -c swap")


def test_swap_on_zram_by_the_generator_is_off_at_the_next_boot(bare: Callable[..., Bare]) -> None:
    node = bare("systemd-zram-generator")
    node.machine.write("/etc/systemd/zram-generator.conf", "[zram0]\nzram-size = 64\n")
    node.machine.write("/usr/lib/systemd/zram-generator.conf.d/50-image.conf", "[zram1]\nzram-size = 32\n")
    assert node.machine.run(GENERATE).out.strip() != "0", "the generator makes nothing: this proves nothing"
    assert "zram-generator.conf" in node.host("plan")
    node.first_run()
    assert node.machine.run(GENERATE).out.strip() == "0"
    # Somebody brings it back.
    node.machine.write("/etc/systemd/zram-generator.conf", "[zram0]\nzram-size = 64\n")
    assert "zram-generator.conf" in node.host("plan")
    node.first_run()
    assert node.machine.run(GENERATE).out.strip() == "0"


def test_zramswap_is_stopped_and_is_not_started_again(bare: Callable[..., Bare]) -> None:
    node = bare("zram-tools")
    # The machine may make no zram device: a service that runs, under the package's own name, is what nodeboot sees.
    node.machine.write("/etc/systemd/system/zramswap.service.d/lab.conf",
                       "[Service]\nExecStart=\nExecStart=/bin/true\nExecStop=\n")
    node.machine.must("systemctl daemon-reload; systemctl restart zramswap; systemctl is-active zramswap")
    assert "zramswap" in node.host("plan")
    node.first_run()
    assert node.machine.run(["systemctl", "is-active", "zramswap"]).out.strip() == "inactive"
    node.machine.run(["systemctl", "start", "zramswap"])
    assert node.machine.run(["systemctl", "is-active", "zramswap"]).out.strip() == "inactive", "it was started again"
    node.machine.must("rm -r /etc/systemd/system/zramswap.service.d; systemctl daemon-reload")
    assert "zramswap" in node.host("plan")
    node.first_run()


def test_chrony_keeps_its_servers_and_takes_ours(bare: Callable[..., Bare]) -> None:
    node = bare("chrony", without="systemd-timesyncd")
    # The lab lets nobody manage its clock; here nodeboot may, because chronyd is told not to set it (-x).
    node.machine.must("sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS=\"-F 1 -x\"/' /etc/default/chrony && systemctl restart chrony")
    node.settings = ("--set", 'time.mode="manage"')
    assert "chrony" in node.host("plan")
    node.first_run()
    assert not node.machine.exists("/etc/systemd/timesyncd.conf.d/50-nodeboot.conf")
    # chronyd reads its own configuration, drop-ins and all, and prints it.
    read = node.machine.must(["chronyd", "-p", "-f", "/etc/chrony/chrony.conf"])
    assert "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4" in read, read
    assert "pool 2.debian.pool.ntp.org" in read, read
    # An image that names Amazon's server itself: chrony complains of a source that stands twice.
    node.machine.must("echo 'server 169.254.169.123 iburst' > /etc/chrony/sources.d/amazon.sources")
    assert "50-nodeboot.conf" in node.host("plan")
    node.first_run()
    assert not node.machine.exists("/etc/chrony/conf.d/50-nodeboot.conf")


def device_state(node: Bare, device: str) -> str:
    return node.machine.run(["nmcli", "-g", "GENERAL.STATE", "device", "show", device]).out.strip()


def test_networkmanager_leaves_the_pods_interfaces_alone(bare: Callable[..., Bare]) -> None:
    node = bare("network-manager")
    node.machine.must("systemctl enable --now NetworkManager && nm-online -s -q -t 120; systemctl is-active NetworkManager")
    address = node.machine.must("ip -4 -o addr show dev host0")
    assert "NetworkManager" in node.host("plan")
    node.first_run()
    assert node.machine.must("ip -4 -o addr show dev host0").split()[3] == address.split()[3]
    node.machine.must("ip link add cni0 type bridge && ip link add flannel.1 type bridge && ip link add other0 type bridge")
    for device in ("cni0", "flannel.1"):
        wait_for(f"NetworkManager to know {device}", lambda: device_state(node, device), 20)
        assert device_state(node, device).startswith("10 "), device_state(node, device)  # unmanaged
    printed = node.machine.must(["NetworkManager", "--print-config"])
    assert "unmanaged-devices=interface-name:cni*;interface-name:flannel*;interface-name:veth*" in printed, printed
    # Somebody takes the file away: shown, mended, and NetworkManager reads it again.
    node.machine.must("rm /etc/NetworkManager/conf.d/*nodeboot*.conf && systemctl restart NetworkManager")
    assert "NetworkManager" in node.host("plan")
    node.first_run()
    wait_for("cni0 to be left alone", lambda: device_state(node, "cni0").startswith("10 "), 20)
