"""What the measurements share: a machine of the lab to measure on, repeated timing, and numbers for people.

Absolute times say as much about the computer and what else it does as about nodeboot. So what is compared is run in
turns in one run, and the ratio of the medians is the result.
"""
from __future__ import annotations

import contextlib
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "integration"))

from lab import standin  # noqa: E402
from lab.cluster import CONTROL_PLANE, Cluster, Spec, wait_converged  # noqa: E402
from lab.lab import Lab, Options  # noqa: E402
from lab.machine import Machine  # noqa: E402

# Runs inside the machine; argv: COUNT, then a JSON list of argument vectors. They take turns. Milliseconds of each run,
# wall clock and processor (children included), as JSON.
TIMER = """
import json, os, sys, time
commands = json.loads(sys.argv[2])
quiet = [(os.POSIX_SPAWN_OPEN, n, "/dev/null", os.O_RDWR, 0) for n in (0, 1, 2)]
times = [[] for _ in commands]
for _ in range(int(sys.argv[1])):
    for number, words in enumerate(commands):
        began = time.perf_counter()
        child = os.posix_spawnp(words[0], words, os.environ, file_actions=quiet)
        _, status, used = os.wait4(child, 0)
        times[number].append(((time.perf_counter() - began) * 1000, (used.ru_utime + used.ru_stime) * 1000))
        if status != 0:
            sys.exit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
print(json.dumps(times))
"""


@contextlib.contextmanager
def lab(name: str, keep: bool) -> Iterator[tuple[Lab, Cluster]]:
    """A lab with the stand-in Kubernetes; one that `--keep` left is used again."""
    bundle = standin.bundle()
    one = Lab(name)
    one.up(Options(bundles=[bundle]))
    try:
        cluster = Cluster(one, Spec(bundle=bundle))
        cluster.prepare()
        yield one, cluster
    finally:
        if not keep:
            one.down()


def control_plane(one: Lab, cluster: Cluster) -> Machine:
    """A machine on which nodeboot has converged."""
    machines = [machine for machine in one.machines() if machine.name == "control-plane"]
    machine = machines[0] if machines else cluster.launch("control-plane", CONTROL_PLANE)
    wait_converged(machine)
    return machine


@dataclass
class Times:
    """Milliseconds of each run of one command: on the clock, and of processor time with all that it started."""
    wall: list[float]
    cpu: list[float]


def timed(machine: Machine, count: int, *commands: list[str]) -> list[Times]:
    """The commands run in turns inside the machine. Each must succeed."""
    said = machine.must(["python3", "-c", TIMER, count, json.dumps(commands)], timeout=1800)
    return [Times([wall for wall, _ in runs], [cpu for _, cpu in runs]) for runs in json.loads(said)]


def peak_kib(machine: Machine, command: list[str]) -> int:
    """Largest resident set of the command or of one process below it (wait4's ru_maxrss, as time(1) prints it)."""
    return int(machine.run(["time", "-f", "%M", *command], check=True).err.splitlines()[-1])


def show(title: str, times: Times) -> tuple[float, float]:
    """Prints and returns the medians, clock and processor."""
    wall, cpu = statistics.median(times.wall), statistics.median(times.cpu)
    print(f"  {title:<34}{wall:11.2f} ms   (fastest {min(times.wall):.2f}, slowest {max(times.wall):.2f}, "
          f"{len(times.wall)} runs); processor {cpu:.2f} ms", flush=True)
    return wall, cpu


def verdict(what: str, value: str, goal: str, met: bool) -> None:
    print(f"  {what:<34}{value:>14}   goal {goal}: {'met' if met else 'MISSED'}", flush=True)
