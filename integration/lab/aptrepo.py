"""A signed package archive: index, Release, signature. Written by ourselves because apt-ftparchive is one more thing
to install, and because the cases want to break it in ways it would not."""
from __future__ import annotations

import email.utils
import gzip
import hashlib
import shutil
from pathlib import Path

from .command import must
from .paths import write_file


class SigningKey:
    """A GPG key of the lab's own, in a keyring of its own."""

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder = folder
        self.owner = owner

    def _gpg(self, *words: object, stdin: bytes | None = None) -> bytes:
        return must(["gpg", "--batch", "--homedir", self.folder, *words], stdin=stdin).encode()

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._gpg("--passphrase", "", "--quick-generate-key", self.owner, "rsa3072", "sign", "never")
        self.export(self.folder / "key.asc", "--armor")
        self.export(self.folder / "key.gpg")

    def export(self, to: Path, *options: str) -> None:
        self._gpg("--yes", *options, "--output", to, "--export", self.owner)

    def sign(self, release: Path) -> None:
        for mode, to in (("--clearsign", "InRelease"), ("--detach-sign", "Release.gpg")):
            self._gpg("--yes", "--armor", "--digest-algo", "SHA512", "--output", release.with_name(to), mode, release)

    def close(self) -> None:
        """Ends the agent that gpg left behind."""
        must(["gpgconf", "--homedir", self.folder, "--kill", "all"])


def stanza(deb: Path, served_as: str) -> str:
    """The entry of one package in an index."""
    data = deb.read_bytes()
    control = must(["dpkg-deb", "--field", deb]).rstrip("\n")
    return (f"{control}\nFilename: {served_as}\nSize: {len(data)}\nMD5sum: {hashlib.md5(data).hexdigest()}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\n\n")


def publish(root: Path, index: str, debs: dict[str, Path], fields: dict[str, str], key: SigningKey) -> None:
    """Writes below `root` an archive whose Release file is in the folder above or at `index` (the folder of
    Packages, relative to the Release file's; "" for a flat archive). `debs`: path served → file."""
    packages = "".join(stanza(file, served) for served, file in sorted(debs.items()))
    release_folder = root / fields.pop("_release", "")
    for name, data in (("Packages", packages.encode()), ("Packages.gz", gzip.compress(packages.encode(), mtime=0))):
        write_file(release_folder / index / name, data)
    for served, file in debs.items():
        _place(file, root / served)
    release = release_folder / "Release"
    write_file(release, _release(release_folder, index, fields))
    key.sign(release)


def _place(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.exists():
        return
    try:
        to.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, to)


def _release(folder: Path, index: str, fields: dict[str, str]) -> str:
    lines = [f"{name}: {value}" for name, value in fields.items()] + [f"Date: {email.utils.formatdate(usegmt=True)}"]
    for title, algorithm in (("MD5Sum", "md5"), ("SHA256", "sha256")):
        lines.append(f"{title}:")
        for name in ("Packages", "Packages.gz"):
            path = folder / index / name
            digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
            lines.append(f" {digest} {path.stat().st_size:>9} {path.relative_to(folder)}")
    return "\n".join(lines) + "\n"
