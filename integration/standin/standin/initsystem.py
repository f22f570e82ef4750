"""The kubelet service, and the unit that the control plane's stand-in runs in.

On a machine this is systemd. In a test with STANDIN_ROOT it is processes with pid files below <root>/run.
"""
import os
import shlex
import signal
import subprocess
import sys
import time

from . import files, place

CONTROL_PLANE = "standin-control-plane"


def _systemctl(*words: str) -> int:
    return subprocess.run(["systemctl", *words], capture_output=True).returncode


def service_exists(name: str) -> bool:
    if place.ROOTED:
        return True
    found = subprocess.run(["systemctl", "status", name], capture_output=True, text=True)
    return "Loaded: not-found" not in found.stdout and "could not be found" not in found.stderr


def service_enabled(name: str) -> bool:
    return place.ROOTED or _systemctl("is-enabled", name) == 0


def service_active(name: str) -> bool:
    return _alive(name) if place.ROOTED else _systemctl("is-active", name) == 0


def restart_kubelet() -> None:
    if place.ROOTED:
        stop_kubelet()
        _spawn("kubelet", kubelet_command())
        return
    _systemctl("daemon-reload")
    if _systemctl("restart", "kubelet") != 0:
        raise OSError("exit status 1")


def stop_kubelet() -> None:
    if place.ROOTED:
        _kill("kubelet")
    else:
        _systemctl("stop", "kubelet")


def kubelet_command() -> list[str]:
    """What the packages' unit and kubeadm's drop-in start; only tests start kubelet without systemd."""
    flags = files.read("/var/lib/kubelet/kubeadm-flags.env").partition("=")[2]
    return [str(place.at("/usr/bin/kubelet")), "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
            "--kubeconfig=/etc/kubernetes/kubelet.conf", "--config=/var/lib/kubelet/config.yaml",
            *shlex.split(shlex.split(flags)[0] if flags.strip() else "")]


def start_control_plane() -> None:
    """Starts it outside kubelet's own cgroup: like a container it outlives a restart of kubelet."""
    program = os.path.abspath(sys.argv[0])
    if place.ROOTED:
        _spawn(CONTROL_PLANE, [program, "standin-control-plane"])
        return
    _systemctl("reset-failed", CONTROL_PLANE)
    subprocess.run(["systemd-run", f"--unit={CONTROL_PLANE}", "--collect", "--quiet", "--property=Restart=always",
                    "--property=RestartSec=2", "--description=stand-in control plane (not Kubernetes)",
                    sys.executable, program, "standin-control-plane"], check=False)


def control_plane_running() -> bool:
    return _alive(CONTROL_PLANE) if place.ROOTED else _systemctl("is-active", CONTROL_PLANE) == 0


def stop_control_plane() -> None:
    if place.ROOTED:
        _kill(CONTROL_PLANE)
    else:
        _systemctl("stop", CONTROL_PLANE)


# Processes with pid files, for tests

def _spawn(name: str, command: list[str]) -> None:
    log = place.at(f"/var/log/{name}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        started = subprocess.Popen([sys.executable, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True)
    files.write(f"/run/{name}.pid", str(started.pid), 0o644)


def _pid(name: str) -> int | None:
    try:
        return int(files.read(f"/run/{name}.pid"))
    except (FileNotFoundError, ValueError):
        return None


def _alive(name: str) -> bool:
    pid = _pid(name)
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kill(name: str) -> None:
    pid = _pid(name)
    if pid is None or not _alive(name):
        return
    for each in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, each)
        except ProcessLookupError:
            return
        for _ in range(400):
            if not _alive(name):
                return
            time.sleep(0.05)
