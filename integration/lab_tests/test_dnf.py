"""Kubernetes' packages through a real dnf, as on Amazon Linux: a signed repository on this machine, installed from by
nodeboot in an overlay of this machine's own file system, where apt is hidden."""
from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Iterator

import pytest

from lab.aptrepo import SigningKey
from lab.cluster import find_binary
from lab.command import Result, must, run

SPEC = """\
Name: {name}
Version: {version}
Release: 150500.1.1
Summary: stands for {name}
License: none
BuildArch: noarch
AutoReqProv: no
%description
Stands for {name}.
%install
mkdir -p %{{buildroot}}/usr/bin
printf '#!/bin/sh\\necho v{version}\\n' > %{{buildroot}}/usr/bin/{program}
chmod 755 %{{buildroot}}/usr/bin/{program}
%files
/usr/bin/{program}
"""
PROGRAMS = {"iptables-nft": "iptables", "conntrack-tools": "conntrack"}  # packages named otherwise than what they bring
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}


class Repository:
    """pkgs.k8s.io's layout: packages, their index and its signature, the key beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.key = SigningKey(root / "gpg", "nodeboot rpm test")
        self.key.create()
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v{{minor}}/rpm/"

    def gpg(self, *words: object) -> str:
        return must(["gpg", "--homedir", self.root / "gpg", "--batch", "--yes", *words])

    def publish(self, minor: str, *packages: tuple[str, str]) -> None:
        folder = self.root / f"v{minor}/rpm"
        folder.mkdir(parents=True, exist_ok=True)
        for name, version in packages:
            spec = self.root / f"{name}.spec"
            spec.write_text(SPEC.format(name=name, version=version, program=PROGRAMS.get(name, name)))
            must(["rpmbuild", "-bb", "-D", f"_topdir {self.root}/build", "-D", f"_rpmdir {folder}",
                  "-D", "_build_name_fmt %%{NAME}-%%{VERSION}.rpm", spec])
            must(["rpmsign", "-D", "__gpg /usr/bin/gpg", "-D", f"_gpg_path {self.root}/gpg", "-D",
                  "_gpg_name nodeboot rpm test", "--addsign",
                  folder / f"{name}-{version}.rpm"])
        must(["createrepo_c", "--quiet", folder])
        self.gpg("--detach-sign", "--armor", folder / "repodata/repomd.xml")
        (folder / "repodata/repomd.xml.key").write_text(self.gpg("--export", "--armor"))


class Host:
    """This machine's file system, to be written to without harm, as one that has dnf and no apt."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder, self.repository = folder, repository
        for name in ("upper", "work", "root"):
            (folder / name).mkdir()
        must(["mount", "-t", "tmpfs", "-o", "mode=755", "nodeboot-test", folder / "work"])
        for name in ("upper", "work"):
            (folder / "work" / name).mkdir()
        must(["mount", "-t", "overlay", "nodeboot-test", "-o",
              f"lowerdir=/,upperdir={folder}/work/upper,workdir={folder}/work/work", folder / "root"])
        for name in ("dev", "proc"):
            must(["mount", "--rbind", "--make-rslave", f"/{name}", folder / "root" / name])
        root = folder / "root"
        (root / "usr/bin/apt-get").unlink()
        for name in ("kubelet", "kubeadm", "kubectl"):
            (root / "usr/bin" / name).unlink(missing_ok=True)
        for name in ("iptables", "conntrack"):
            for sbin in ("usr/sbin", "usr/bin"):
                (root / sbin / name).unlink(missing_ok=True)
        shutil.rmtree(root / "etc/kubernetes", ignore_errors=True)
        shutil.copy(find_binary(), root / "usr/local/bin/nodeboot")
        (root / "etc/yum.repos.d").mkdir(exist_ok=True)

    def close(self) -> None:
        for mount in ("root/proc", "root/dev", "root", "work"):
            run(["umount", "--lazy", "--recursive", self.folder / mount])

    def run(self, *words: object) -> Result:
        return run(["chroot", self.folder / "root", *words], env=ENVIRONMENT)

    def nodeboot(self, command: str, version: str) -> Result:
        return self.run("/usr/local/bin/nodeboot", "node", command, "--only", "kubernetes-packages", "--output", "json",
                        "--set", f"kubernetes.version={version}",
                        "--set", f"kubernetes.repository_url={self.repository.url}")

    def up(self, version: str) -> None:
        said = self.nodeboot("up", version)
        assert said.ok, said.out + said.err

    def versions(self) -> set[str]:
        out = self.run("rpm", "-q", "--qf", "%{NAME} %{VERSION}\\n", "kubelet", "kubeadm", "kubectl").out
        return set(out.splitlines())


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    one = Repository(tmp_path / "repository")
    helpers = [("iptables-nft", "1.8.8"), ("conntrack-tools", "1.4.6")]
    for minor, patches in (("1.34", (3,)), ("1.35", (1, 2))):
        one.publish(minor, *helpers, *((name, f"{minor}.{patch}") for patch in patches
                                       for name in ("kubelet", "kubeadm", "kubectl")))
    yield one
    one.server.shutdown()
    one.key.close()


@pytest.fixture
def host(tmp_path: Path, repository: Repository) -> Iterator[Host]:
    (tmp_path / "host").mkdir()
    one = Host(tmp_path / "host", repository)
    yield one
    one.close()


def all_of(version: str) -> set[str]:
    return {f"{name} {version}" for name in ("kubelet", "kubeadm", "kubectl")}


def test_packages_are_installed_and_kept_where_they_are(host: Host, repository: Repository) -> None:
    host.up("1.35.1")
    assert host.versions() == all_of("1.35.1")
    assert json.loads(host.nodeboot("plan", "1.35.1").out)["changes"] == []
    assert host.run("dnf", "upgrade", "--assumeyes").ok  # 1.35.2 is there
    assert host.versions() == all_of("1.35.1")
    host.up("1.35")  # any patch suits
    assert host.versions() == all_of("1.35.1")


def test_another_version_replaces_the_one_that_is_there(host: Host, repository: Repository) -> None:
    host.up("1.35")
    assert host.versions() == all_of("1.35.2")
    host.up("1.35.1")
    assert host.versions() == all_of("1.35.1")
    host.up("1.34")
    assert host.versions() == all_of("1.34.3")


def test_a_package_that_another_key_signed_is_refused(host: Host, repository: Repository, tmp_path: Path) -> None:
    thief = Repository(tmp_path / "thief")
    key = (repository.root / "v1.35/rpm/repodata/repomd.xml.key").read_text()
    thief.publish("1.35", ("kubelet", "1.35.9"), ("kubeadm", "1.35.9"), ("kubectl", "1.35.9"),
                  ("iptables-nft", "1.8.8"), ("conntrack-tools", "1.4.6"))
    (thief.root / "v1.35/rpm/repodata/repomd.xml.key").write_text(key)
    host.repository = thief
    said = host.nodeboot("up", "1.35")
    assert said.code == 1 and "corrupted" in said.out, said.out
    assert host.versions() & all_of("1.35.9") == set()
    thief.server.shutdown()
    thief.key.close()


def test_a_version_that_no_repository_has_is_named(host: Host, repository: Repository) -> None:
    said = host.nodeboot("up", "1.35.7")
    assert said.code == 1 and "kubelet-1.35.7-*" in said.out and "not found" in said.out, said.out
