"""A running (or stopped) instance, as the cases handle it: power, commands, files, console."""
from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Callable, Sequence, TypeVar

from . import cgroups, processes
from .command import LabError, Result, run
from .disk import Disk, mounts_below, unmount
from .instance import Instance

T = TypeVar("T")
PATIENCE = float(os.environ.get("NODEBOOT_PATIENCE", "1"))  # times as long as here
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LC_ALL": "C.UTF-8", "TERM": "dumb"}


def patient(timeout: float) -> float:
    """Waits end when there is nothing more to wait for; one that ends in vain is to have met a fault, not a busy machine.
    So they last five times what an idle machine of this year needs at most, up to ten minutes."""
    return max(timeout, min(5 * timeout, 600)) * PATIENCE


class NotRunning(LabError):
    """The machine is off, or going down or coming up at this moment."""


def wait_for(what: str, check: Callable[[], T], timeout: float, every: float = 0.1) -> T:
    """First true value of `check`; a LabError that names `what` when there was none in `timeout` seconds. A machine that
    does not run at the moment is waited for, too."""
    timeout = patient(timeout)
    deadline = time.monotonic() + timeout
    while True:
        last = ""
        try:
            if value := check():
                return value
        except NotRunning as error:
            last = f": {error}"
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:.0f} s for {what}, in vain{last}")
        time.sleep(every)


class Machine:
    def __init__(self, lab: str, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.instance = Instance.load(folder)
        self.disk = Disk(folder)

    @property
    def name(self) -> str:
        return self.instance.name

    @property
    def node_name(self) -> str:
        return self.instance.hostname

    def __repr__(self) -> str:
        return f"<{self.name} {self.instance.id} {self.instance.address}>"

    # ---- power

    @property
    def leader(self) -> int | None:
        """Pid, on the host, of the machine's own init; None while it is off."""
        nspawn = processes.recall(self.folder / "nspawn.pid")
        for child in processes.children(nspawn) if nspawn else []:
            if _is_init(child):
                return child
        return None

    @property
    def running(self) -> bool:
        return processes.recall(self.folder / "supervisor.pid") is not None

    def boot(self) -> None:
        """Powers the machine on; returns when its init runs. `wait_booted` waits for more."""
        if not self.running:
            groups = cgroups.create(self.lab, f"{self.instance.id}/supervisor")
            started = processes.background("lab.supervise", self.lab, self.folder, groups=groups,
                                           log=self.folder / "supervisor.log")
            processes.remember(self.folder / "supervisor.pid", started.pid)
        self._wait_leader()

    def _wait_leader(self) -> None:
        def look() -> bool:
            if not self.running:
                raise LabError(f"{self.name} did not start: {self._last_words()}")
            return self.leader is not None
        wait_for(f"{self.name} to start", look, 30, 0.02)

    def _last_words(self) -> str:
        log = self.folder / "supervisor.log"
        return (log.read_text(errors="replace") if log.exists() else "")[-1500:] + self.console()[-1500:]

    def wait_booted(self, timeout: float = 60) -> str:
        """Waits until systemd has nothing left to start; its word for the outcome ("running", "degraded")."""
        def look() -> str:
            said = self.run(["systemctl", "is-system-running"]).out.strip() if self.leader else ""
            return said if said in ("running", "degraded") else ""
        return wait_for(f"{self.name} to boot", look, timeout, 0.2)

    def poweroff(self, timeout: float = 60) -> None:
        """An orderly shutdown."""
        if self.leader:
            self.run(["systemctl", "poweroff"])
        wait_for(f"{self.name} to power off", lambda: not self.running, timeout)

    def reboot(self, timeout: float = 60) -> None:
        before = self.leader
        self.run(["systemctl", "reboot"])
        wait_for(f"{self.name} to go down", lambda: self.leader not in (before,), timeout, 0.02)
        self._wait_leader()

    def cut_power(self, timeout: float = 30) -> None:
        """No process of the machine gets another instruction."""
        if leader := self.leader:
            os.kill(leader, 9)
        wait_for(f"{self.name} to stop", lambda: not self.running, timeout, 0.02)

    @property
    def powered_on(self) -> float:
        """When, in seconds since the epoch."""
        return (self.folder / "supervisor.pid").stat().st_mtime

    def terminate(self, keep_console: Path | None = None) -> None:
        """Stops it and removes every trace; what it has said may be kept in a file."""
        cgroups.kill(self.lab, self.instance.id)
        if keep_console is not None and (self.folder / "console.log").exists():
            keep_console.parent.mkdir(exist_ok=True)
            os.replace(self.folder / "console.log", keep_console)
        for target in mounts_below(self.folder):
            unmount(target)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- commands

    def _require_leader(self) -> int:
        leader = self.leader
        if leader is None:
            raise NotRunning(f"{self.name} is not running")
        return leader

    def argv(self, command: str | Sequence[object]) -> list[str]:
        """The command as seen from the host. A string is for the machine's shell."""
        words = ["sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
        leader = self._require_leader()
        return [str(Path(__file__).with_name("enter")), str(leader), *words]

    def run(self, command: str | Sequence[object], *, timeout: float = 120, stdin: str | bytes | None = None,
            check: bool = False) -> Result:
        result = run(self.argv(command), timeout=patient(timeout), stdin=stdin, env=ENVIRONMENT)
        return result.check() if check else result

    def must(self, command: str | Sequence[object], **options: object) -> str:
        return self.run(command, check=True, **options).out  # type: ignore[arg-type]

    # ---- files

    def path(self, inside: str) -> Path:
        """Where the host finds a file of the machine. Absolute links inside are not followed into the host."""
        leader = self.leader
        base = Path(f"/proc/{leader}/root") if leader else self.disk.root
        return base / inside.lstrip("/")

    def read(self, inside: str) -> str:
        return self.must(["cat", inside]) if self.leader else self.path(inside).read_text(errors="replace")

    def write(self, inside: str, content: str | bytes, mode: int = 0o644) -> None:
        data = content.encode() if isinstance(content, str) else content
        script = 'mkdir -p "$(dirname "$0")" && cat > "$0" && chmod "$1" "$0"'
        self.run(["sh", "-c", script, inside, f"{mode:o}"], stdin=data, check=True)

    def exists(self, inside: str) -> bool:
        return self.run(["test", "-e", inside]).ok

    def console(self) -> str:
        """All that the machine has written to its console, over all of its boots."""
        log = self.folder / "console.log"
        return log.read_text(errors="replace").replace("\r", "") if log.exists() else ""


def _is_init(pid: int) -> bool:
    """Is it pid 1 of a namespace below ours?"""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                numbers = line.split()[1:]
                return len(numbers) > 1 and numbers[-1] == "1"
    except OSError:
        pass
    return False
