"""The demonstration: bare machines become a cluster while one watches. `script/demo` prepares and calls it."""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import standin
from .cluster import Cluster, Spec, journal, service_state
from .command import LabError
from .lab import Lab, Options
from .machine import Machine, wait_for

DEADLINE = 900.0  # seconds for all machines together


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="script/demo", description="Boots a Kubernetes cluster on this machine as if "
                                  "it were EC2, shows what nodeboot did, and stops it again.")
    top.add_argument("--workers", type=int, default=2, metavar="N", help="how many workers (default: 2)")
    top.add_argument("--bundle", type=Path, metavar="DIR", help="a real Kubernetes bundle (default: the stand-in)")
    top.add_argument("--source", choices=("repository", "bundle"),
                     help="install Kubernetes from signed packages (the stand-in's default) or from the bundle's files "
                     "(the default with --bundle)")
    top.add_argument("--keep", action="store_true", help="leave the cluster running")
    top.add_argument("--name", default="demo", help=argparse.SUPPRESS)
    return top


class Screen:
    """Headlines and lines with the time since the demonstration began."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def step(self, text: str) -> None:
        print(f"\n=== {text} [{self.elapsed():.1f} s]", flush=True)

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def line(self, text: str) -> None:
        print(f"{self.elapsed():7.1f} s  {text}", flush=True)


def follow(machines: list[Machine], screen: Screen) -> None:
    """Prints each machine's console records as they come, until nodeboot has ended on all of them."""
    seen = {machine.name: 0 for machine in machines}
    waiting = set(seen)

    def look() -> bool:
        for machine in machines:
            records = [line for line in machine.console().splitlines() if line.startswith("nodeboot: ")]
            for record in records[seen[machine.name] :]:
                screen.line(f"{machine.name:<16}{record.split(' ', 2)[-1][:160]}")
            seen[machine.name] = len(records)
            if machine.name in waiting and finished(machine):
                waiting.discard(machine.name)
                screen.line(f"{machine.name:<16}nodeboot is done")
        return not waiting

    wait_for("all machines", look, DEADLINE, 0.3)


def finished(machine: Machine) -> bool:
    state = service_state(machine)
    if state == "failed":
        raise LabError(f"nodeboot failed on {machine.name}:\n{journal(machine)[-3000:]}")
    return state == "active"


def show(machine: Machine, *words: str) -> bool:
    said = machine.run(words, timeout=300)
    print("\n".join("    " + line for line in (said.out.rstrip() or said.err.rstrip()).splitlines()), flush=True)
    return said.ok


def show_cluster(machines: list[Machine], screen: Screen) -> bool:
    kubectl = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")
    screen.step("the nodes, as Kubernetes sees them")
    # Roles come from the control plane, which looks for new nodes every 20 s.
    wait_for("the nodes' roles", lambda: "<none>" not in machines[0].run((*kubectl, "get", "nodes")).out, 60)
    good = show(machines[0], *kubectl, "get", "nodes")
    for title, words in (("health", ("nodeboot", "node", "status")),
                         ("where the boot time went", ("nodeboot", "node", "timeline")),
                         ("a second `node up`: nothing to do", ("nodeboot", "node", "up"))):
        screen.step(title)
        for machine in machines:
            print(f"  {machine.name}:", flush=True)
            good = show(machine, *words) and good
    return good


def closing(lab: Lab, keep: bool) -> str:
    command = f"script/lab --name {lab.name}"
    how = (f"    {command} shell control-plane       a root shell on a machine (then: kubectl get nodes)\n"
           f"    {command} status                    what runs\n"
           f"    {command} down                      stop everything and leave nothing behind\n")
    return ("The cluster keeps running:\n" if keep else
            "The cluster is stopped again; `script/demo --keep` leaves it running for you:\n") + how


def main(words: list[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    screen, lab = Screen(), Lab(arguments.name)
    good = False
    try:
        bundle = arguments.bundle.resolve() if arguments.bundle else standin.bundle()
        if not arguments.bundle:
            print("Kubernetes is played by a stand-in here, as strict as the real one; --bundle DIR takes a real one.")
        screen.step("starting the lab: network, metadata, AWS, package archives")
        lab.down()
        lab.up(Options(bundles=[bundle]))
        source = arguments.source or ("bundle" if arguments.bundle else "repository")
        cluster = Cluster(lab, Spec(bundle=bundle, source=source))
        cluster.prepare()
        screen.step(f"booting 1 control plane and {arguments.workers} workers; user-data does the rest")
        machines = cluster.launch_all(arguments.workers)
        for machine in machines:
            screen.line(f"{machine.name:<16}{machine.instance.id} {machine.instance.address} {machine.instance.type}")
        follow(machines, screen)
        good = show_cluster(machines, screen)
        screen.step("done")
    except LabError as error:
        print(f"script/demo: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("script/demo: stopped", file=sys.stderr)
    finish(lab, arguments.keep)
    return 0 if good else 1


def finish(lab: Lab, keep: bool) -> None:
    if not keep and lab.is_up and sys.stdin.isatty():
        print(closing(lab, True) + "Press Enter here to stop it.", flush=True)
        try:
            sys.stdin.readline()
        except KeyboardInterrupt:
            pass
        lab.down()
        return
    if not keep:
        lab.down()
    print(closing(lab, keep), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
