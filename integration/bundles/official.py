"""What the projects publish for `nodeboot bundle create`, as one folder HOST/PATH that a local server offers as
`--mirror`: dl.k8s.io and the releases of CNI plugins, cri-tools, containerd and runc, with the checksums in the shape
that each project gives them. The content is what the lab has: a bundle's programs, Debian's containerd and runc.
"""
from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

from lab import pool
from lab.faults import Faults
from lab.kubedebs import kubernetes_version
from lab.serve import Handler, Server

# What nodeboot asks for unless told otherwise (src/bundle/create.hpp), and a containerd for --containerd.
CNI, RUNC, CONTAINERD = "1.8.0", "1.3.3", "1.7.24"
CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\nnone\n" \
         "-----END PGP SIGNATURE-----\n"


class Official:
    """The folder. `sources` are the files that a bundle made from it must hold, by their path in the bundle."""

    def __init__(self, folder: Path, bundle: Path, arch: str) -> None:
        self.folder = folder
        self.version = kubernetes_version(bundle)
        self.arch = arch
        self.sources: dict[str, bytes] = {}
        self._kubernetes(bundle)
        self._cni(bundle)
        self._crictl(bundle)
        self._containerd(folder.with_name(folder.name + ".debs"))

    @property
    def minor(self) -> str:
        return self.version.rpartition(".")[0]

    def path(self, url: str) -> Path:
        return self.folder / url.removeprefix("https://")

    def _put(self, url: str, content: bytes) -> None:
        self.path(url).parent.mkdir(parents=True, exist_ok=True)
        self.path(url).write_bytes(content)

    def kubernetes_url(self, name: str) -> str:
        return f"https://dl.k8s.io/release/v{self.version}/bin/linux/{self.arch}/{name}"

    def _kubernetes(self, bundle: Path) -> None:
        self._put(f"https://dl.k8s.io/release/stable-{self.minor}.txt", f"v{self.version}".encode())
        for name in ("kubeadm", "kubelet", "kubectl"):
            content = (bundle / "bin" / name).read_bytes()
            self._put(self.kubernetes_url(name), content)
            self._put(self.kubernetes_url(name) + ".sha256", sha256(content).encode())  # the bare digest, no newline
            self.sources[f"bin/{name}"] = content

    @property
    def cni_url(self) -> str:
        return f"https://github.com/containernetworking/plugins/releases/download/v{CNI}/" \
               f"cni-plugins-linux-{self.arch}-v{CNI}.tgz"

    def _cni(self, bundle: Path) -> None:
        plugins = {f"./{path.name}": path.read_bytes() for path in sorted((bundle / "cni").iterdir())}
        archive = tar_gz(plugins | {"./LICENSE": b"Apache 2.0\n", "./README.md": b"# plugins\n"})
        self._put(self.cni_url, archive)
        name = self.cni_url.rpartition("/")[2]
        self._put(self.cni_url + ".sha256", f"{sha256(archive)}  {name}\n".encode())
        self.sources |= {f"cni/{name.removeprefix('./')}": content for name, content in plugins.items()}

    def _crictl(self, bundle: Path) -> None:
        url = f"https://github.com/kubernetes-sigs/cri-tools/releases/download/v{self.minor}.0/" \
              f"crictl-v{self.minor}.0-linux-{self.arch}.tar.gz"
        content = (bundle / "bin/crictl").read_bytes()
        archive = tar_gz({"crictl": content})
        self._put(url, archive)
        self._put(url + ".sha256", sha256(archive).encode() + b"\n")
        self.sources["bin/crictl"] = content

    @property
    def runc_url(self) -> str:
        return f"https://github.com/opencontainers/runc/releases/download/v{RUNC}/"

    def _containerd(self, work: Path) -> None:
        for name in ("containerd", "runc"):
            deb = next(pool.packages().glob(f"{name}_*.deb"))
            subprocess.run(["dpkg", "-x", deb, work], check=True)
        programs = {f"bin/{name}": (work / "usr/bin" / name).read_bytes() for name in CONTAINERD_PROGRAMS}
        archive = tar_gz(programs | {"bin/containerd-stress": b"not wanted on a node"})
        url = f"https://github.com/containerd/containerd/releases/download/v{CONTAINERD}/" \
              f"containerd-static-{CONTAINERD}-linux-{self.arch}.tar.gz"
        self._put(url, archive)
        self._put(url + ".sha256sum", f"{sha256(archive)}  {url.rpartition('/')[2]}\n".encode())
        runc = next(path for path in (work / "usr/sbin/runc", work / "usr/bin/runc") if path.exists()).read_bytes()
        self._put(f"{self.runc_url}runc.{self.arch}", runc)
        sums = f"{'0' * 64}  runc.ppc64le\n{sha256(runc)}  runc.{self.arch}\n{'1' * 64}  runc.tar.xz"
        self._put(f"{self.runc_url}runc.sha256sum", SIGNED.format(sums).encode())
        self.containerd = {f"containerd/{name.removeprefix('bin/')}": content for name, content in programs.items()}
        self.containerd["containerd/runc"] = runc


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar_gz(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid = len(content), 0o755, 1001, 127
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


class Site:
    """What a request handler of the lab asks its server for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self.asked: list[str] = []


class MirrorHandler(Handler):
    """Serves the folder. As GitHub does, it sends who asks for a release on to another host's address."""

    def do_GET(self) -> None:
        path = self.path.lstrip("/").removeprefix("assets/")
        self.lab.asked.append(path)
        if self.path.startswith("/github.com/"):
            self.reply(302, Location=f"/assets/{path}")
            return
        self.begin("files", path=path)
        if "status" in self.effects:
            self.reply(int(self.effects["status"]))
        else:
            self.reply_file(self.lab.folder / path)


def serve(folder: Path) -> tuple[Server, Site]:
    site = Site(folder)
    return Server(("127.0.0.1", 0), MirrorHandler, site), site
