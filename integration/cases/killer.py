"""Kills nodeboot with SIGKILL at every step of a first run. Runs on the machine itself: python3 killer.py PICK DELAY…

How it hits steps that last microseconds: nodeboot's output is a pipe that holds one line. The line stays in it (it is
looked at with tee(2), not read), so nodeboot can finish the step that it announced, but blocks at its next word, with
all of its phases. Each line that announces a change is a step, and so is each kind of progress ("pulling"). At each
of them nodeboot is killed once for every DELAY (in seconds): with 0 when the step has just begun, later in the middle
of it or, when it is short, after it was done and before it was told. The run that has nothing new to tell is the last
one; it is left alone.

PICK: one in how many steps is taken. With 1 all of them, each with every DELAY. With more, those whose name's checksum
says so, so that the same are taken in each run of the test, with one DELAY each; and the first step of every phase,
so that none is left out.

Prints one JSON document: the kills, in order, and how the last run ended.
"""
from __future__ import annotations

import ctypes
import fcntl
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import zlib

F_SETPIPE_SZ = 1031
LINE = 4096  # a page: the smallest pipe
RUNS = 400
ARROW = " → "  # between what is and what is to be
libc = ctypes.CDLL(None, use_errno=True)


class Gate:
    """A pipe with room for one write."""

    def __init__(self) -> None:
        self.out, self.into = os.pipe2(os.O_DIRECT | os.O_CLOEXEC)  # O_DIRECT: a page for each write
        fcntl.fcntl(self.into, F_SETPIPE_SZ, LINE)
        self._copy_out, self._copy_into = os.pipe2(os.O_CLOEXEC)

    def wait(self) -> bool:
        """Until there is a line; False when all writers are gone."""
        poll = select.poll()
        poll.register(self.out, select.POLLIN)
        return bool(poll.poll()[0][1] & select.POLLIN)

    def look(self) -> str:
        count = libc.tee(self.out, self._copy_into, LINE, 0)
        if count < 0:
            raise OSError(ctypes.get_errno(), "tee")
        return os.read(self._copy_out, count).decode(errors="replace")

    def release(self) -> None:
        os.read(self.out, LINE)

    def close(self) -> None:
        for fd in (self.out, self._copy_out, self._copy_into):
            os.close(fd)


def phase_of(line: str, phases: list[str]) -> str:
    name = line.partition(":")[0]
    return name if name in phases else ""


def step_of(line: str) -> str:
    """The same for the same step of any run."""
    if ARROW in line:
        return re.sub(r"[0-9.]+[a-z]*", "#", line)
    return " ".join(line.split()[:2])


class Choice:
    """When to kill: for each step, the delays that are left."""

    def __init__(self, pick: int, delays: list[float]) -> None:
        self._pick, self._delays = pick, delays
        self._left: dict[str, list[float]] = {}
        self._phases: set[str] = set()

    def next(self, phase: str, step: str) -> float | None:
        if step not in self._left:
            self._left[step] = self._chosen(phase, zlib.crc32(step.encode()))
        self._phases.add(phase)
        return self._left[step].pop(0) if self._left[step] else None

    def _chosen(self, phase: str, number: int) -> list[float]:
        if self._pick == 1:
            return list(self._delays)
        if number % self._pick and phase in self._phases:
            return []
        return [self._delays[number // self._pick % len(self._delays)]]


def run_once(phases: list[str], choice: Choice) -> dict[str, object]:
    """One run of nodeboot, killed at the first step that has a delay left."""
    gate = Gate()
    with open("/tmp/killer.err", "ab") as errors:
        child = subprocess.Popen(["nodeboot", "node", "up", "--lock-timeout", "5m"], stdin=subprocess.DEVNULL,
                                 stdout=gate.into, stderr=errors)
    os.close(gate.into)
    try:
        while gate.wait():
            line = gate.look().strip()
            phase = phase_of(line, phases)
            delay = choice.next(phase, step_of(line)) if phase else None
            if delay is not None:
                time.sleep(delay)
                child.send_signal(signal.SIGKILL)
                child.wait()
                return {"phase": phase, "delay": delay, "line": line}
            gate.release()
        return {"code": child.wait()}
    finally:
        gate.close()


def main(pick: int, delays: list[float]) -> None:
    phases = subprocess.run(["nodeboot", "phases", "--names"], check=True, capture_output=True, text=True).stdout.split()
    choice = Choice(pick, delays)
    kills = []
    for _ in range(RUNS):
        end = run_once(phases, choice)
        if "code" in end:
            break
        kills.append(end)
    print(json.dumps({"kills": kills, "code": end.get("code")}))


main(int(sys.argv[1]), [float(word) for word in sys.argv[2:]])
