"""The command `lab`: a cluster in a box, by hand."""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .cloud.handle import running
from .cluster import Cluster, Spec, journal, service_state
from .command import LabError
from .lab import Lab, Options
from .machine import ENVIRONMENT, Machine
from .mirror import DEBIAN_13, SYSTEMS


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", description="EC2 in a box: machines, metadata, AWS and package archives "
                                  "on this machine, in a network of their own.")
    top.add_argument("--name", default=os.environ.get("NODEBOOT_LAB", "lab"), help="which lab (default: lab)")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the lab and boot a cluster in it")
    up.add_argument("--workers", type=int, default=2, metavar="N")
    up.add_argument("--bundle", type=Path, metavar="DIR", help="Kubernetes to install (default: the stand-in)")
    up.add_argument("--source", choices=("repository", "bundle"), default="repository",
                    help="install Kubernetes from packages or from the bundle itself")
    up.add_argument("--system", choices=SYSTEMS, default=DEBIAN_13.name, help="what the machines run (default: "
                    "%(default)s)")
    up.add_argument("--empty", action="store_true", help="no cluster, only the lab's own servers")
    up.add_argument("--region", default="eu-central-1")
    up.add_argument("--scale", type=float, default=0.1, metavar="F", help="seconds that one second of AWS's waiting "
                    "takes, for NAT gateways and instances' states (default: 0.1)")
    commands.add_parser("down", help="stop and remove everything of the lab")
    commands.add_parser("status", help="machines and what nodeboot is doing on them")
    shell = commands.add_parser("shell", help="a root shell, or a command, on a machine")
    shell.add_argument("node")
    shell.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    logs = commands.add_parser("logs", help="what nodeboot said on a machine")
    logs.add_argument("node")
    logs.add_argument("--console", action="store_true", help="the machine's console instead")
    aws = commands.add_parser("aws", help="run a command as an operator of the lab's AWS")
    aws.description = ("Runs COMMAND in the network of the lab that is up, with an operator's credentials and the lab's "
                       "CA: AWS's own addresses lead into the lab.")
    aws.add_argument("--no-machines", action="store_true", help="an AWS of its own for this one command: instances are "
                     "only remembered, nothing boots, no root is needed")
    aws.add_argument("--scale", type=float, default=0.01, metavar="F", help="with --no-machines: seconds that one "
                     "second of AWS's waiting takes (default: 0.01)")
    aws.add_argument("words", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    commands.add_parser("requests", help="requests that the lab's servers answered, as JSON lines")
    return top


def up(lab: Lab, arguments: argparse.Namespace) -> None:
    bundle = None if arguments.empty and not arguments.bundle else _bundle(arguments)
    lab.up(Options(region=arguments.region, bundles=[bundle] if bundle else [],
                   system=SYSTEMS[arguments.system], scale=arguments.scale))
    if not arguments.empty:
        cluster = Cluster(lab, Spec(bundle=bundle, source=arguments.source))
        cluster.prepare()
        for machine in cluster.launch_all(arguments.workers):
            print(f"booting {machine.name} {machine.instance.id} {machine.instance.address}")
    print(f"lab {lab.name} is up; `lab status`, `lab shell NODE`, `lab down`")


def _bundle(arguments: argparse.Namespace) -> Path:
    if arguments.bundle:
        return Path(arguments.bundle).resolve()
    from . import standin
    return standin.bundle()


def status(lab: Lab) -> None:
    print(f"lab {lab.name}: {'up' if lab.is_up else 'down'}")
    for machine in lab.machines():
        print("  ".join((f"{machine.name:<16}", machine.instance.id, f"{machine.instance.address:<12}",
                         "running" if machine.leader else "off    ", service_state(machine) or "-")))


def shell(machine: Machine, words: list[str]) -> None:
    argv = machine.argv(words or ["bash", "--login"])
    terminal = {"TERM": os.environ.get("TERM", "dumb")} if not words else {}
    os.execve(argv[0], argv, ENVIRONMENT | terminal)


def aws(lab: Lab, arguments: argparse.Namespace) -> int:
    command = [word for number, word in enumerate(arguments.words) if number or word != "--"] or ["bash"]
    if not arguments.no_machines:
        if not lab.is_up:
            raise LabError(f"the lab {lab.name} is not up; `lab up --empty` starts it")
        argv = lab.operator_argv(command)
        os.execve("/usr/bin/nsenter", argv, lab.operator_environment() | _terminal())
    with tempfile.TemporaryDirectory(prefix="nodeboot-aws-") as folder, running(Path(folder)) as cloud:
        cloud.call("durations", scale=arguments.scale)
        cloud.call("play_nodes")
        code = subprocess.run(command, env=cloud.environment() | _terminal()).returncode
        for one in cloud.call("violations"):
            print(f"lab: {one['service']} {one['action']}: {'; '.join(one['problems'])}", file=sys.stderr)
        return code


def _terminal() -> dict[str, str]:
    return {"TERM": os.environ.get("TERM", "dumb")}


def main(words: list[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    machines = not (arguments.command == "aws" and arguments.no_machines)
    if machines and os.geteuid() != 0:
        print("lab: needs root: it makes network namespaces and machines", file=sys.stderr)
        return 1
    lab = Lab(arguments.name)
    try:
        if arguments.command == "aws":
            return aws(lab, arguments)
        if arguments.command == "up":
            up(lab, arguments)
        elif arguments.command == "down":
            lab.down()
        elif arguments.command == "status":
            status(lab)
        elif arguments.command == "shell":
            shell(lab.machine(arguments.node), arguments.words)
        elif arguments.command == "logs":
            machine = lab.machine(arguments.node)
            print(machine.console() if arguments.console else journal(machine), end="")
        elif arguments.command == "requests":
            sys.stdout.write((lab.folder / "requests.jsonl").read_text())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0
