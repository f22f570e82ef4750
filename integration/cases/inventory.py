"""What there is on a machine, so that two moments of it can be compared. Runs on the machine: python3 inventory.py.

Prints one JSON document of names and what is known of each: every file (mode, owner, content), every unit, held
packages, network links, sysctls of the network. What differs from minute to minute on any machine is left out, and what
`docs/operations.md` says that a reset leaves alone: packages' and images' own storage, run records, user-data's files.
"""
from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess

LEFT_OUT = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/log", "/var/cache", "/var/backups",
            "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/lib/containerd", "/var/lib/cloud",
            "/var/lib/dhcpcd", "/etc/nodeboot", "/usr/local/bin/nodeboot", "/var/lib/nodeboot/runs",
            "/root/.kube/cache", "/opt/nodeboot")
# Folders that only hold what is left out.
BARE = ("/var/lib/nodeboot", "/root/.kube")
# Started by whoever asks and gone a minute later.
PASSING = ("systemd-hostnamed", "systemd-timedated", "systemd-localed", "systemd-tmpfiles-clean", "apt-daily",
           "apt-daily-upgrade", "dpkg-db-backup", "man-db", "e2scrub", "fstrim", "logrotate", "user@", "session-",
           "user-runtime-dir@", "run-", "cloud-")
CHANGES_BY_ITSELF = ("net.netfilter.nf_conntrack_count", "net.ipv4.tcp_fastopen_key", "net.netfilter.nf_conntrack_")


def files() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, folders, names in os.walk("/"):
        here = [os.path.join(folder, name) for name in folders]
        folders[:] = [os.path.basename(path) for path in here if path not in LEFT_OUT and not os.path.ismount(path)
                      and os.path.basename(path) != "__pycache__"]
        for path in [os.path.join(folder, name) for name in folders + names]:
            if path not in LEFT_OUT and path not in BARE:
                found[f"file {path}"] = describe(path)
    return found


def describe(path: str) -> str:
    try:
        seen = os.lstat(path)
        words = [stat.filemode(seen.st_mode), str(seen.st_uid), str(seen.st_gid)]
        if stat.S_ISLNK(seen.st_mode):
            words.append(os.readlink(path))
        elif stat.S_ISREG(seen.st_mode):
            words.append(str(seen.st_size))
            if not path.startswith("/usr/") or path.startswith("/usr/local/"):
                with open(path, "rb") as handle:
                    words.append(hashlib.sha256(handle.read()).hexdigest())
        return " ".join(words)
    except OSError as error:
        return str(error.strerror)


def said(*words: str) -> list[str]:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()


def units() -> dict[str, str]:
    found = {}
    for line in said("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain"):
        name, state = line.split()[:2]
        if state not in ("transient", "generated"):
            found[f"unit file {name}"] = state
    for line in said("systemctl", "list-units", "--no-legend", "--no-pager", "--plain", "--state=active,failed",
                     "--type=service,timer,socket,swap"):
        name, _, active = line.split()[:3]
        if not name.startswith(PASSING):
            found[f"unit {name}"] = active
    return found


def sysctls() -> dict[str, str]:
    found = {}
    run = subprocess.run(["sysctl", "-a"], capture_output=True, text=True)  # some cannot be read: no matter
    for line in run.stdout.splitlines():
        name, _, value = line.partition(" = ")
        # Those of an interface go with it; the links are compared.
        if name.startswith("net.") and not name.startswith(CHANGES_BY_ITSELF) and ".conf." not in name and \
                ".neigh." not in name:
            found[f"sysctl {name}"] = value
    return found


def main() -> None:
    everything = files() | units() | {f"link {name}": "there" for name in os.listdir("/sys/class/net")}
    everything |= {f"package {line.split()[0]}": line for line in
                   said("dpkg-query", "-Wf", "${Package} ${Version} ${Status}\n")}
    everything |= {f"hold {name}": "held" for name in said("apt-mark", "showhold")}
    print(json.dumps({"all": everything, "sysctls": sysctls()}))


main()
