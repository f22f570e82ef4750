"""An instance's root volume: a sparse ext4 image of the size EC2 would give, under an overlay of the machine tree.

The image makes free space, full disks and persistence across reboots real, costs nothing until it is written to, and
gives containerd a file system that overlayfs accepts as its upper layer.
"""
from __future__ import annotations

import os
import time
from pathlib import Path

from .command import LabError, must, run

# Folders that must not be on an overlay themselves: bound in from the image.
DIRECT = ("var/lib/containerd",)


class Disk:
    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.mount = folder / "disk"
        self.root = folder / "root"

    def create(self, gib: int, snapshot: Path | None = None) -> None:
        """An empty volume, or one made from `snapshot`."""
        self.image.parent.mkdir(parents=True, exist_ok=True)
        if snapshot:
            copy(snapshot, self.image)
            return
        with open(self.image, "wb") as handle:
            handle.truncate(gib << 30)
        must(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard",
              self.image])

    def attach(self, lower: list[Path]) -> None:
        """Mounts root; harmless when it is mounted."""
        for folder in (self.mount, self.root):
            folder.mkdir(exist_ok=True)
        if not os.path.ismount(self.mount):
            must(["mount", "-o", "loop", self.image, self.mount])
        for name in ("upper", "work", *DIRECT):
            (self.mount / name).mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.root):
            layers = ":".join(str(path) for path in lower)
            must(["mount", "-t", "overlay", "nodeboot-lab", "-o",
                  f"lowerdir={layers},upperdir={self.mount}/upper,workdir={self.mount}/work", self.root])

    def binds(self) -> list[str]:
        return [f"--bind={self.mount / name}:/{name}" for name in DIRECT]

    def snapshot(self, to: Path) -> None:
        """What an AMI is made of. The machine must be off, or half of a file may be in it."""
        if os.path.ismount(self.root) or os.path.ismount(self.mount):
            raise LabError(f"{self.image} is in use; power the machine off first")
        to.parent.mkdir(parents=True, exist_ok=True)
        copy(self.image, to)

    def detach(self) -> None:
        # Another process's mount namespace may hold the volume for a while longer: then unmounting writes nothing out.
        if os.path.ismount(self.mount):
            must(["sync", "--file-system", self.mount])
        for target in (self.root, self.mount):
            unmount(target)


def copy(image: Path, to: Path) -> None:
    must(["cp", "--sparse=always", "--reflink=auto", image, to])


def unmount(target: Path, timeout: float = 60) -> None:
    """A machine's last mounts disappear a moment after its last process."""
    deadline = time.monotonic() + timeout
    while os.path.ismount(target):
        said = run(["umount", target])
        if said.ok:
            return
        if time.monotonic() > deadline:
            raise LabError(f"cannot unmount {target}: {said.err.strip()}")
        time.sleep(0.1)


def mounts_below(folder: Path) -> list[Path]:
    """Deepest first."""
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        target = Path(line.split()[1].replace("\\040", " "))
        if target.is_relative_to(folder):
            found.append(target)
    return sorted(found, key=lambda path: len(path.parts), reverse=True)
