"""`bundle create` against servers that serve what the projects publish, where they publish it."""
from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Iterator

import pytest

from bundles.conftest import Publishers, manifest, nodeboot
from bundles.official import CONTAINERD
from bundles.registry import Registry
from lab.cluster import find_binary
from lab.command import Result



def says(result: Result, *parts: str) -> None:
    """It failed, and the message has all of the parts."""
    assert result.code == 1, result.out + result.err
    for part in parts:
        assert part in result.err, f"{part!r} is not in: {result.err}"


def nothing_left(to: Path) -> None:
    assert not any(to.parent.iterdir()), [path.name for path in to.parent.iterdir()]


@contextlib.contextmanager
def replaced(path: Path, content: bytes | None) -> Iterator[None]:
    """Other content for a moment; None: no file."""
    before = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


# ---- what it makes

def test_every_published_file_is_in_it_unchanged(publishers: Publishers, made: Path) -> None:
    wanted = publishers.official.sources | publishers.official.containerd
    found = {str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*")
             if path.is_file() and path.parent.name in ("bin", "cni", "containerd")}
    assert found == wanted


def test_the_manifest_lists_every_file_with_its_digest_and_mode(publishers: Publishers, made: Path) -> None:
    listing = manifest(made)
    assert listing["kubernetes"].removeprefix("v") == publishers.official.version
    files = {entry["path"]: entry for entry in listing["files"]}
    assert set(files) | {"manifest.json"} == {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    for name, entry in files.items():
        content = (made / name).read_bytes()
        assert (entry["sha256"], entry["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert (made / name).stat().st_mode & 0o777 == int(entry["mode"], 8) == (0o644 if "images" in name else 0o755)


def test_it_holds_the_images_that_kubeadm_names_and_flannels_for_its_own_architecture(publishers: Publishers,
                                                                                     made: Path) -> None:
    refs = {}
    for entry in manifest(made)["files"]:
        if entry["kind"] == "image":
            with tarfile.open(made / entry["path"]) as image:
                index = json.load(image.extractfile("./index.json"))  # type: ignore[arg-type]
                for name in image.getnames():
                    if name.startswith("./blobs/sha256/"):
                        blob = image.extractfile(name).read()  # type: ignore[union-attr]
                        assert hashlib.sha256(blob).hexdigest() == name.rpartition("/")[2]
            refs[entry["refs"][0]] = index["manifests"][0]["digest"]
    assert refs == publishers.digests
    assert any("flannel" in name for name in refs) and any("kube-apiserver" in name for name in refs)


def test_verify_agrees_with_it(made: Path) -> None:
    said = nodeboot("bundle", "verify", made).check()
    assert "each as the manifest says" in said.out


def test_a_minor_version_means_its_newest_patch_and_an_archive_is_made_by_name(publishers: Publishers,
                                                                               tmp_path: Path) -> None:
    to = tmp_path / "bundle.tar.gz"
    said = publishers.create(to, "--kubernetes", publishers.official.minor, "--output", "json").check()
    assert json.loads(said.out)["kubernetes"].removeprefix("v") == publishers.official.version
    assert to.read_bytes()[:2] == b"\x1f\x8b"
    nodeboot("bundle", "verify", to).check()
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


def test_the_same_files_give_the_same_bundle(publishers: Publishers, made: Path, tmp_path: Path) -> None:
    publishers.create(tmp_path / "again", "--kubernetes", publishers.official.version,
                      "--containerd", CONTAINERD).check()
    assert manifest(tmp_path / "again") == manifest(made)


def test_an_existing_bundle_is_not_overwritten(publishers: Publishers, made: Path) -> None:
    says(publishers.create(made, "--kubernetes", publishers.official.version), "exists already")
    nodeboot("bundle", "verify", made).check()


# ---- what passes by itself

def test_a_download_that_breaks_off_is_begun_again(publishers: Publishers, tmp_path: Path) -> None:
    publishers.site.faults.add(target="files", effect="truncate", value=1000, count=2, match={"path": "kubelet$"})
    publishers.site.faults.add(target="files", effect="status", value=503, count=2, match={"path": "cni-plugins.*tgz$"})
    said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version)
    assert said.ok, said.err
    assert "kubelet" in said.err and "again" in said.err
    assert (tmp_path / "bundle/bin/kubelet").read_bytes() == publishers.official.sources["bin/kubelet"]


# ---- what is refused

def test_a_truncated_file_is_refused(publishers: Publishers, tmp_path: Path) -> None:
    """Whole as far as HTTP can tell: the mirror itself has half of it."""
    url = publishers.official.kubernetes_url("kubeadm")
    content = publishers.official.path(url).read_bytes()
    with replaced(publishers.official.path(url), content[: len(content) // 2]):
        said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version)
    says(said, "kubeadm", hashlib.sha256(content).hexdigest(),
         hashlib.sha256(content[: len(content) // 2]).hexdigest())
    nothing_left(tmp_path / "bundle")


def test_a_file_with_another_checksum_is_refused(publishers: Publishers, tmp_path: Path) -> None:
    sums = publishers.official.path(f"{publishers.official.runc_url}runc.sha256sum")
    with replaced(sums, sums.read_bytes().replace(publishers.official.arch.encode(), b"mips")):
        said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version,
                                 "--containerd", CONTAINERD)
    says(said, "runc.sha256sum", f"no sha256 for runc.{publishers.official.arch}")
    wrong = b"f" * 64
    checksum = publishers.official.path(publishers.official.cni_url + ".sha256")
    with replaced(checksum, wrong + b"  " + publishers.official.cni_url.rpartition("/")[2].encode()):
        said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version)
    says(said, publishers.official.cni_url.rpartition("/")[2], wrong.decode(), "do not use it")
    nothing_left(tmp_path / "bundle")


@pytest.mark.parametrize("what", ["the file", "its checksum"])
def test_a_missing_file_is_named_at_once(what: str, publishers: Publishers, tmp_path: Path) -> None:
    url = publishers.official.kubernetes_url("kubectl") + (".sha256" if what == "its checksum" else "")
    before = len(publishers.site.asked)
    with replaced(publishers.official.path(url), None):
        said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version)
    says(said, url.removeprefix("https://"), "404")
    assert publishers.site.asked[before:].count(url.removeprefix("https://")) == 1, "it was asked for again"
    nothing_left(tmp_path / "bundle")


def test_a_version_that_nobody_published_is_named(publishers: Publishers, tmp_path: Path) -> None:
    says(publishers.create(tmp_path / "bundle", "--kubernetes", "1.34.99"), "v1.34.99", "404")
    says(publishers.create(tmp_path / "bundle", "--kubernetes", "1.99"), "1.99")
    nothing_left(tmp_path / "bundle")


def test_an_image_that_the_registry_lacks_is_named(publishers: Publishers, tmp_path: Path) -> None:
    said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version,
                             "--image", "registry.k8s.io/no/such:v1")
    says(said, "registry.k8s.io/no/such:v1", "404")
    nothing_left(tmp_path / "bundle")


def test_a_layer_that_is_not_what_its_digest_says_is_refused(publishers: Publishers, tmp_path: Path) -> None:
    name = next(name for name in publishers.digests if "pause" in name)
    stored = publishers.registry.blob_path(publishers.digests[name])
    layer = publishers.registry.blob_path(json.loads(stored.read_bytes())["layers"][0]["digest"])
    content = layer.read_bytes()
    with replaced(layer, content[:-1] + b"!"):
        said = publishers.create(tmp_path / "bundle", "--kubernetes", publishers.official.version)
    says(said, "pause", "does not match its digest")
    nothing_left(tmp_path / "bundle")


def test_a_registry_that_wants_a_login_is_named(publishers: Publishers, tmp_path: Path) -> None:
    private = Registry(tmp_path / "private", login=True)
    try:
        (tmp_path / "out").mkdir()
        said = publishers.create(tmp_path / "out/bundle", "--kubernetes", publishers.official.version,
                                 registry=private)
    finally:
        private.stop()
    says(said, "registry.k8s.io", "login", "--registry-mirror")
    nothing_left(tmp_path / "out/bundle")


def test_ctrl_c_leaves_nothing(publishers: Publishers, tmp_path: Path) -> None:
    publishers.site.faults.add(target="files", effect="slow", value=2000, match={"path": "kubelet$"})
    child = subprocess.Popen([find_binary(), "bundle", "create", tmp_path / "bundle", "--mirror", publishers.mirror,
                              "--kubernetes", publishers.official.version], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.rglob("kubelet.part")) and time.monotonic() < deadline:
        assert child.poll() is None, "it ended by itself"
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert child.wait(120) == 130
    nothing_left(tmp_path / "bundle")


# ---- what verify finds

@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    subprocess.run(["cp", "-a", "--reflink=auto", made, tmp_path / "copy"], check=True)
    return tmp_path / "copy"


def test_verify_finds_one_changed_byte(copy: Path) -> None:
    with open(copy / "bin/kubelet", "r+b") as handle:
        handle.seek(5000)
        byte = handle.read(1)
        handle.seek(5000)
        handle.write(bytes([byte[0] ^ 1]))
    says(nodeboot("bundle", "verify", copy), "bin/kubelet", "sha256")


def test_verify_finds_a_file_cut_short_one_gone_and_one_too_many(copy: Path) -> None:
    content = (copy / "bin/kubectl").read_bytes()
    (copy / "bin/kubectl").write_bytes(content[:-1])
    says(nodeboot("bundle", "verify", copy), "bin/kubectl")
    (copy / "bin/kubectl").unlink()
    says(nodeboot("bundle", "verify", copy), "bin/kubectl")
    (copy / "bin/kubectl").write_bytes(content)
    (copy / "bin/stranger").write_text("")
    says(nodeboot("bundle", "verify", copy), "bin/stranger")


def test_verify_refuses_half_an_archive(made: Path, tmp_path: Path) -> None:
    subprocess.run(["tar", "-C", made, "-I", "gzip -1", "-cf", tmp_path / "whole.tar.gz", "."], check=True)
    nodeboot("bundle", "verify", tmp_path / "whole.tar.gz").check()
    data = (tmp_path / "whole.tar.gz").read_bytes()
    (tmp_path / "half.tar.gz").write_bytes(data[: len(data) // 2])
    says(nodeboot("bundle", "verify", tmp_path / "half.tar.gz"), "tar")
