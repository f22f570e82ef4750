"""What the lab puts between the machine tree and an instance: trust in the lab's CA, the lab's package sources, how
cloud-init finds its data. Written once a lab, shared read-only by all of its machines."""
from __future__ import annotations

import json
import os
from pathlib import Path

from . import kubedebs, tree
from .instance import Instance
from .mirror import System, SYSTEMS
from .paths import write_file

DEBIAN_HOST = "debian.lab.internal"
FILES_HOST = "files.lab.internal"
KUBERNETES_HOST = "pkgs.k8s.io"
REGISTRY_HOSTS = ("registry.k8s.io", "ghcr.io", "quay.io", "registry-1.docker.io")
BUNDLES = "/srv/nodeboot/bundles"  # where machines see the bundles of the lab

CLOUD_CONFIG = """\
# The lab cannot fake everything that detection looks at, so the datasource is named.
datasource_list: [Ec2]
datasource:
  Ec2:
    strict_id: false
    apply_full_imds_network_config: false
    metadata_urls: ["http://169.254.169.254"]
    timeout: 5
    max_wait: 60
network: {config: disabled}
"""

NETWORK = """\
[Match]
Name=host0

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
ClientIdentifier=mac
UseDomains=yes
"""

MACHINE_UNIT = """\
[Unit]
Description=What the kernel of an EC2 instance would have set up
DefaultDependencies=no
Before=sysinit.target systemd-networkd.service cloud-init-main.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/nodeboot-lab/prepare

[Install]
WantedBy=sysinit.target
"""

# nspawn mounts v1 controllers read-only; a container runtime has to write to them.
PREPARE = """\
#!/bin/sh
for mount in /sys/fs/cgroup/*; do
    controller=${mount##*/}
    if mountpoint -q "$mount" && grep -q " $mount cgroup ro," /proc/self/mounts; then
        umount "$mount" && mount -t cgroup -o "$controller" cgroup "$mount"
    fi
done
mount --make-rshared /
# How cloud-init knows EC2 (and so uses version 2 of the metadata service): a firmware uuid that begins with ec2.
mkdir -p /sys/hypervisor
cat /etc/nodeboot-lab-uuid > /sys/hypervisor/uuid
"""


# What nodeboot has to know about machines that are not quite EC2's; a user's own file stays as it is.
NODEBOOT = """\
# A machine of the lab may not set the host's clock, nor change connection tracking for the host.
[time]
mode = "keep"

[control_plane]
conntrack_max_per_core = 0
conntrack_min = 0
"""

# Without CAP_SYS_RESOURCE no pod could get the negative score that critical pods ask for.
RESTRICTED = """
[containerd]
extra_config = '''
[plugins."{plugin}"]
restrict_oom_score_adj = true
'''
"""
CRI_PLUGIN = {1: "io.containerd.grpc.v1.cri", 2: "io.containerd.cri.v1.runtime"}  # by containerd's major version
CAP_SYS_RESOURCE = 24


def nodeboot_settings(system: System) -> str:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    has = int(status["CapEff"], 16) >> CAP_SYS_RESOURCE & 1
    return NODEBOOT if has else NODEBOOT + RESTRICTED.format(plugin=CRI_PLUGIN[system.containerd])


def write(folder: Path, system: System, ca: bytes, archive_key: bytes) -> None:
    """`folder` becomes an overlay layer. `ca` is PEM, `archive_key` the binary key that signs the lab's archive."""
    bundle = (tree.machine_tree(system) / "etc/ssl/certs/ca-certificates.crt").read_bytes()
    write_file(folder / "etc/ssl/certs/ca-certificates.crt", bundle + ca)
    write_file(folder / "usr/local/share/ca-certificates/nodeboot-lab.crt", ca)
    write_file(folder / "usr/share/keyrings/nodeboot-lab.gpg", archive_key)
    write_file(folder / "etc/apt/sources.list.d/lab.list",
               f"deb [signed-by=/usr/share/keyrings/nodeboot-lab.gpg] http://{DEBIAN_HOST}/debian {system.codename} main\n")
    write_file(folder / "etc/cloud/cloud.cfg.d/95-nodeboot-lab.cfg", CLOUD_CONFIG)
    write_file(folder / "etc/nodeboot/config.d/90-lab.toml", nodeboot_settings(system))
    write_file(folder / "etc/systemd/network/10-ec2.network", NETWORK)
    write_file(folder / "usr/local/lib/nodeboot-lab/prepare", PREPARE, 0o755)
    unit = folder / "etc/systemd/system/nodeboot-lab-machine.service"
    write_file(unit, MACHINE_UNIT)
    wanted = folder / "etc/systemd/system/sysinit.target.wants" / unit.name
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not wanted.is_symlink():
        wanted.symlink_to(f"../{unit.name}")


    for stamp in ("etc/.updated", "var/.updated"):  # newer than this layer's /usr: nothing to redo at boot
        write_file(folder / stamp, "")


def bundle_name(bundle: Path) -> str:
    return "v" + kubedebs.kubernetes_version(bundle)


def bundle_binds(lab_folder: Path) -> list[str]:
    """The lab's bundles, read-only inside machines, as a volume would bring them."""
    return [f"--bind-ro={link.resolve()}:{BUNDLES}/{link.name}" for link in (lab_folder / "files/bundles").glob("*")]


def lower_layers(lab_folder: Path) -> list[Path]:
    system = SYSTEMS[json.loads((lab_folder / "lab.json").read_text())["system"]]
    layers = [lab_folder / "layer", tree.machine_tree(system)]
    chosen = lab_folder / "tree"  # a baked image, for instance
    return [layers[0], Path(os.readlink(chosen))] if chosen.is_symlink() else layers


def write_instance(root: Path, instance: Instance) -> None:
    """What EC2's hardware would have told this instance."""
    write_file(root / "etc/nodeboot-lab-uuid", f"ec2{instance.id[-5:]}-0000-4000-8000-000000000000\n")
