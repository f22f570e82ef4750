"""Running programs: argument vectors, a deadline, and errors that carry what the program said."""
from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import Mapping, Sequence


class LabError(Exception):
    """The lab could not do what was asked; the message is meant for a person."""


@dataclass(frozen=True)
class Result:
    argv: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    def check(self) -> "Result":
        if not self.ok:
            said = (self.err.strip() or self.out.strip())[-2000:]
            raise LabError(f"{' '.join(self.argv[:12])} ended with {self.code}: {said}")
        return self


def run(argv: Sequence[object], *, timeout: float = 600, stdin: str | bytes | None = None,
        env: Mapping[str, str] | None = None, cwd: object = None) -> Result:
    """Runs to the end and returns; a program that outlives `timeout` seconds is killed, with what it started, and
    reported."""
    words = tuple(str(word) for word in argv)
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd,
                                 start_new_session=True)
    except FileNotFoundError:
        raise LabError(f"{words[0]}: no such program; script/setup installs what the lab needs") from None
    try:
        out, err = child.communicate(data, timeout)
    except subprocess.TimeoutExpired:
        raise LabError(f"{' '.join(words[:12])} did not end within {timeout:.0f} s") from None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return Result(words, child.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def must(argv: Sequence[object], **options: object) -> str:
    """Output of a program that has to succeed."""
    return run(argv, **options).check().out  # type: ignore[arg-type]
