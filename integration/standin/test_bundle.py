"""make_bundle: the form of a nodeboot bundle, and programs that say what they are."""
import hashlib
import json
import subprocess
import tarfile

import pytest
from fakemachine import HERE, PYTHON

MAKER = HERE / "make_bundle"


@pytest.mark.parametrize("version", ["v1.29.15", "v1.34.2", "v1.35.1", "v1.36.1"])
def test_every_file_is_listed_with_its_sum_size_and_mode(bundles, version):
    root = bundles(version)
    manifest = json.loads((root / "manifest.json").read_text())
    assert (manifest["format"], manifest["kubernetes"], manifest["standin"]) == (1, version, True)
    listed = {f["path"]: f for f in manifest["files"]}
    there = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} - {"manifest.json"}
    assert set(listed) == there
    for path, entry in listed.items():
        data = (root / path).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest() and entry["size"] == len(data)
        assert entry["mode"] == ("0644" if entry["kind"] == "image" else "0755")
    assert {f["kind"] for f in manifest["files"]} == {"binary", "cni", "image"}


def test_images_are_docker_archives_under_their_names(bundles):
    root = bundles("v1.34.2")
    for entry in json.loads((root / "manifest.json").read_text())["files"]:
        if entry["kind"] != "image":
            continue
        with tarfile.open(root / entry["path"]) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            config = archive.extractfile(manifest["Config"]).read()
            layer = archive.extractfile(manifest["Layers"][0]).read()
        assert manifest["RepoTags"] == entry["refs"]
        assert json.loads(config)["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]


@pytest.mark.parametrize("program, words", [("kubeadm", ["version"]), ("kubelet", ["--version"]),
                                            ("kubectl", ["version", "--client"]), ("crictl", ["--version"])])
def test_programs_say_that_they_are_stand_ins(bundles, program, words):
    done = subprocess.run([PYTHON, bundles("v1.34.2") / "bin" / program, *words], capture_output=True, text=True)
    assert done.returncode == 0 and "v1.34.2" in done.stdout
    assert "stand-in" in done.stdout + done.stderr and "not Kubernetes" in done.stdout + done.stderr


def test_the_same_sources_make_the_same_programs(bundles, tmp_path):
    first = bundles("v1.34.2")
    subprocess.run([PYTHON, MAKER, "--version", "v1.34.2", "--out", tmp_path / "again"], check=True, capture_output=True)
    for program in ("kubeadm", "kubelet"):
        assert (first / "bin" / program).read_bytes() == (tmp_path / "again/bin" / program).read_bytes()


def test_given_cni_plugins_and_crictl_are_taken(tmp_path):
    (tmp_path / "cni").mkdir()
    (tmp_path / "cni/bridge").write_bytes(b"real")
    (tmp_path / "crictl").write_bytes(b"real too")
    subprocess.run([PYTHON, MAKER, "--version", "v1.34.2", "--out",
                    tmp_path / "b", "--cni", tmp_path / "cni", "--crictl", tmp_path / "crictl"], check=True,
                   capture_output=True)
    assert (tmp_path / "b/cni/bridge").read_bytes() == b"real" and (tmp_path / "b/bin/crictl").read_bytes() == b"real too"
    assert b"not a plugin" in (tmp_path / "b/cni/loopback").read_bytes()
