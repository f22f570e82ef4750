"""The demonstration: from an empty AWS account to a cluster and back while one watches. `script/demo` prepares it.

nodeboot itself does all of it, through the same calls as on AWS; the lab plays the account, and boots the machines.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from . import standin
from .cluster import Cluster, Spec, find_binary, toml
from .command import LabError
from .lab import Lab, Options
from .machine import Machine, wait_for
from .paths import write_file

NAME = "demo"
DEADLINE = 900.0  # seconds for one command of nodeboot
KUBECTL = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="script/demo", description="Makes a Kubernetes cluster in an AWS account "
                                  "played on this machine, shows what nodeboot did, and deletes it again.")
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


class Operator:
    """nodeboot cluster, run as an operator of the lab's AWS."""

    def __init__(self, lab: Lab, cluster: Cluster, workers: int) -> None:
        self.lab = lab
        self.config = lab.folder / "demo.toml"
        sections: dict[str, dict[str, Any]] = {
            "cluster": {"name": NAME, "region": lab.region}, "kubernetes": cluster.kubernetes(),
            "instances": {"workers": workers, "image": "debian-13"}}
        write_file(self.config, toml(sections))

    def run(self, *words: str) -> None:
        """Shows what it says while it says it."""
        argv = self.lab.operator_argv([find_binary(), "cluster", *words, "--config", self.config])
        print(f"    nodeboot cluster {' '.join(words)}", flush=True)
        environment = self.lab.operator_environment() | {"COLUMNS": columns()}
        child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        assert child.stdout is not None
        for line in child.stdout:
            print("    " + line, end="", flush=True)
        if child.wait(DEADLINE) != 0:
            raise LabError(f"nodeboot cluster {words[0]} ended with {child.returncode}")

    def show_account(self, screen: Screen) -> bool:
        """What the account holds, but for what AWS puts into every new one. Whether that is anything."""
        held = self.lab.cloud.call("inventory")
        counted = [f"{number} {kind.removesuffix('s') if number == 1 else kind}" for kind, number in held.items()]
        screen.step("what the AWS account holds")
        print(textwrap.fill(", ".join(counted) or "nothing", 78, initial_indent="    ", subsequent_indent="    "),
              flush=True)
        return bool(held)


def columns() -> str:
    """Of the terminal, without what the demo indents by."""
    return str(shutil.get_terminal_size().columns - 4)


def show(machine: Machine, *words: str) -> bool:
    said = machine.run(("env", f"COLUMNS={columns()}", *words), timeout=300)
    print("\n".join("    " + line for line in (said.out.rstrip() or said.err.rstrip()).splitlines()), flush=True)
    return said.ok


def show_nodes(machines: list[Machine], screen: Screen) -> bool:
    screen.step("the nodes, as Kubernetes sees them")
    # Roles come from the control plane, which looks for new nodes every 20 s.
    wait_for("the nodes' roles", lambda: "<none>" not in machines[0].run((*KUBECTL, "get", "nodes")).out, 60)
    good = show(machines[0], *KUBECTL, "get", "nodes")
    for title, words in (("health", ("nodeboot", "node", "status")),
                         ("where the boot time went", ("nodeboot", "node", "timeline")),
                         ("a second `node up`: nothing to do", ("nodeboot", "node", "up"))):
        screen.step(title)
        for machine in machines:
            print(f"  {machine.name}:", flush=True)
            good = show(machine, *words) and good
    return good


def machines_of(lab: Lab) -> list[Machine]:
    """The control plane first."""
    return sorted(lab.machines(), key=lambda one: one.instance.tags["nodeboot.io/name"] != "control-plane")


def closing(lab: Lab, keep: bool) -> str:
    command = f"script/lab --name {lab.name}"
    how = "".join(f"    {command} {words}\n        {what}\n" for words, what in (
        (f"shell {NAME}-control-plane", "a root shell on a machine (then: kubectl get nodes)"),
        ("aws -- bash", "a shell as an operator of the lab's AWS"),
        ("status", "what runs"),
        ("down", "stop everything and leave nothing behind")))
    return ("The cluster keeps running:\n" if keep else
            "The cluster is stopped again; `script/demo --keep` leaves it running for you:\n") + how


def main(words: list[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    screen, lab = Screen(), Lab(arguments.name)
    good = False
    try:
        bundle = arguments.bundle.resolve() if arguments.bundle else standin.bundle()
        if not arguments.bundle:
            print("Kubernetes is played by a stand-in here, as strict as the real one;\n--bundle DIR takes a real one.")
        screen.step("starting the lab: network, AWS, package archives")
        lab.down()
        lab.up(Options(bundles=[bundle]))
        source = arguments.source or ("bundle" if arguments.bundle else "repository")
        operator = Operator(lab, Cluster(lab, Spec(bundle=bundle, source=source)), arguments.workers)
        operator.show_account(screen)
        screen.step(f"making a cluster of 1 + {arguments.workers}")
        operator.run("up")
        good = show_nodes(machines_of(lab), screen)
        operator.show_account(screen)
        screen.step("the cluster from outside")
        operator.run("status")
        screen.step("`cluster up` again: nothing to do")
        operator.run("up")
        if not arguments.keep:
            pause(lab)
            screen.step("and away with it")
            operator.run("down", "--yes")
            good = not operator.show_account(screen) and good
        screen.step("done")
    except LabError as error:
        print(f"script/demo: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("script/demo: stopped", file=sys.stderr)
    if not arguments.keep:
        lab.down()
    print(closing(lab, arguments.keep), end="", flush=True)
    return 0 if good else 1


def pause(lab: Lab) -> None:
    """Somebody who sits there may look around first."""
    if sys.stdin.isatty():
        print(closing(lab, True) + "Press Enter here to delete it.", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    sys.exit(main())
