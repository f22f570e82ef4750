"""Facts about this machine; a test with STANDIN_ROOT states them in <root>/standin-host.json."""
import json
import os
import shutil
import socket
import subprocess

from . import place

_CGROUP2_MAGIC = 0x63677270


def _stated(name: str, default):
    try:
        return json.loads(place.at("/standin-host.json").read_text()).get(name, default)
    except FileNotFoundError:
        return default


def is_root() -> bool:
    return _stated("root", True) if place.ROOTED else os.geteuid() == 0


def cpus() -> int:
    return _stated("cpus", 2) if place.ROOTED else len(os.sched_getaffinity(0))


def memory_mb() -> int:
    if place.ROOTED:
        return _stated("memory_mb", 4096)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)


def hostname() -> str:
    return (_stated("hostname", "node") if place.ROOTED else socket.gethostname()).strip().lower()


def resolves(name: str) -> bool:
    if place.ROOTED:
        return _stated("resolves", True)
    try:
        socket.getaddrinfo(name, None)
        return True
    except OSError:
        return False


def default_address() -> str:
    """The address of the interface with the default route; empty when there is none."""
    if place.ROOTED:
        return _stated("address", "127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return ""


def swaps() -> list[str]:
    """The lines of /proc/swaps; the first is its heading."""
    try:
        return place.at("/proc/swaps").read_text().splitlines()
    except FileNotFoundError:
        return []


def cgroup_v2() -> bool:
    if place.ROOTED:
        return _stated("cgroup_v2", True)
    found = subprocess.run(["stat", "-f", "-c", "%t", "/sys/fs/cgroup"], capture_output=True, text=True)
    return found.stdout.strip() == f"{_CGROUP2_MAGIC:x}"


def has_command(name: str) -> bool:
    if place.ROOTED:
        return name not in _stated("missing_commands", [])
    return shutil.which(name) is not None


def machine_ids() -> dict[str, str]:
    """machineID, bootID, kernelVersion, osImage: as a Node's status.nodeInfo has them."""
    def read(path: str) -> str:
        try:
            return place.at(path).read_text().strip()
        except OSError:
            return ""
    release = dict(line.split("=", 1) for line in read("/etc/os-release").splitlines() if "=" in line)
    return {"machineID": read("/etc/machine-id"), "systemUUID": read("/etc/machine-id"),
            "bootID": read("/proc/sys/kernel/random/boot_id"), "kernelVersion": os.uname().release,
            "osImage": release.get("PRETTY_NAME", "").strip('"')}
