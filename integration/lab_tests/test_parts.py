"""The lab's own parts, without any machine."""
from __future__ import annotations

import json
import re
import struct
import time
from pathlib import Path

import pytest
import yaml

from lab import dhcp, dns, imds, kubedebs, paths, tree, userdata
from lab.cloud import policy
from lab.cluster import toml
from lab.command import LabError, Result, must, run
from lab.faults import Faults
from lab.instance import Instance
from lab.paths import REPOSITORY

WORKER = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "arn:aws:ssm:r:1:parameter/nodeboot/demo/join"}]}


def allowed(documents: list[dict[str, object]], action: str, resource: str) -> bool:
    said = policy.judge([("given", one) for one in documents], policy.Request(action, resource))
    return isinstance(said, policy.Statement)


def instance(**more: object) -> Instance:
    return Instance(**{"id": "i-00000000000000001", "name": "worker-1", "address": "10.0.1.10", "subnet": "private-1",
                       "prefix": 24, "router": "10.0.1.1", "zone": "a", "region": "eu-central-1",
                       "mac": "76:2e:37:10:21:89"} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize("action, resource, verdict", [
    ("ssm:GetParameter", "arn:aws:ssm:r:1:parameter/nodeboot/demo/join", True),
    ("ssm:getparameter", "arn:aws:ssm:r:1:parameter/nodeboot/demo/join", True),
    ("ssm:GetParameter", "arn:aws:ssm:r:1:parameter/nodeboot/demo/init", False),
    ("ssm:GetParameter", "arn:aws:ssm:r:1:parameter/nodeboot/other/join", False),
    ("ssm:PutParameter", "arn:aws:ssm:r:1:parameter/nodeboot/demo/join", False),
    ("ssm:GetParameters", "arn:aws:ssm:r:1:parameter/nodeboot/demo/join", False),
    ("ssm:GetParameter", "*", False),
])
def test_a_policy_is_judged_by_action_and_resource(action: str, resource: str, verdict: bool) -> None:
    assert allowed([WORKER], action, resource) is verdict


def test_an_explicit_deny_wins_over_any_allow() -> None:
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    deny = {"Statement": {"Effect": "Deny", "Action": "ssm:Put*", "Resource": "*"}}
    assert allowed([everything], "ssm:PutParameter", "x")
    assert not allowed([everything, deny], "ssm:PutParameter", "x")


def test_placeholders_are_filled_with_their_indentation() -> None:
    assert userdata.fill("a:\n    @TEXT@\nb\n", {"TEXT": "one\n\n  two \n"}) == "a:\n    one\n\n      two \nb\n"


@pytest.mark.parametrize("template, values", [("@A@\n", {}), ("none\n", {"A": "x"})])
def test_placeholders_and_values_that_do_not_match_are_errors(template: str, values: dict[str, str]) -> None:
    with pytest.raises(LabError):
        userdata.fill(template, values)


GOLDEN = REPOSITORY / "tests/golden/user-data"


def written(user_data: str) -> dict[str, str]:
    return {one["path"]: one["content"] for one in yaml.safe_load(user_data)["write_files"]}


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_user_data_is_what_the_launcher_would_render(golden: Path) -> None:
    text = golden.read_text()
    files = written(text)
    config = files["/etc/nodeboot/config.toml"].split("\n", 1)[1]
    binary = dict(line.split("=", 1) for line in files.get("/etc/nodeboot/binary", "").splitlines() if "=" in line)
    assert userdata.render(config, binary.get("url", ""), binary.get("sha256", ""), binary.get("s3_region", "")) == text


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_cloud_init_knows_every_word_of_the_user_data(golden: Path) -> None:
    assert "Valid schema" in cloud_init_schema(golden.read_text()).out
    broken = cloud_init_schema(golden.read_text().replace("permissions:", "permission:"))
    assert not broken.ok and "permission" in broken.err + broken.out


def cloud_init_schema(text: str) -> Result:
    """The verdict of the machines' own cloud-init."""
    return run(["chroot", tree.machine_tree(), "sh", "-c", "f=$(mktemp) && cat > $f && cloud-init schema --config-file "
                "$f; r=$?; rm $f; exit $r"], stdin=text)


def test_toml_quotes_what_needs_quotes() -> None:
    assert toml({"a": {"s": 'x"y', "n": 1, "b": True, "l": ["p"]}}) == '[a]\ns = "x\\"y"\nn = 1\nb = true\nl = ["p"]\n'


def question(name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


@pytest.mark.parametrize("name, kind, code, records", [
    ("known.example", dns.A, 0, 1), ("KNOWN.example", dns.A, 0, 1), ("known.example", dns.AAAA, 0, 0),
    ("unknown.example", dns.A, dns.NXDOMAIN, 0)])
def test_names_are_answered(name: str, kind: int, code: int, records: int) -> None:
    reply = dns.answer(question(name, kind), {"known.example": "10.1.2.3"}.get)
    ident, flags, _, answers = struct.unpack("!HHHH", reply[:8])
    assert (ident, flags & 15, answers) == (7, code, records)
    assert not records or reply.endswith(bytes([10, 1, 2, 3]))


def test_a_lease_carries_what_ec2_gives() -> None:
    packet = struct.pack("!BBBB4s", 1, 1, 6, 0, b"abcd") + b"\0" * 20 + bytes.fromhex("762e37102189") + b"\0" * 202
    packet += dhcp.MAGIC + bytes([53, 1, dhcp.DISCOVER, 255])
    offer = dhcp.reply(packet, {"76:2e:37:10:21:89": instance()}.get)
    assert offer is not None and offer[16:20] == bytes([10, 0, 1, 10])
    assert b"ip-10-0-1-10" in offer and b"eu-central-1.compute.internal" in offer
    assert dhcp.reply(packet, lambda mac: None) is None


def test_metadata_folders_list_and_leaves_answer() -> None:
    tree = imds.meta_data(instance(role="r"), {"info": "{}", "security-credentials": {"r": "secret"}})
    assert imds.look_up(tree, "/placement/region") == "eu-central-1"
    assert "placement/" in str(imds.look_up(tree, "/")).split("\n")
    assert imds.look_up(tree, "/iam/security-credentials/") == "r"
    assert imds.look_up(tree, "/nothing") is None


def test_tags_that_metadata_has_no_room_for_are_refused() -> None:
    with pytest.raises(ValueError):
        instance(tags={"nodeboot.io/role": "worker"}, tags_in_metadata=True)


def test_a_fault_ends_by_count_by_time_and_by_hand() -> None:
    faults = Faults()
    faults.add(target="aws", effect="status", value=503, count=2, match={"action": "^Get"})
    assert [faults.hit("aws", action=action) for action in ("PutX", "GetX", "GetX", "GetX")] == \
        [{}, {"status": 503}, {"status": 503}, {}]
    faults.add(target="imds", effect="refuse", seconds=0.01)
    time.sleep(0.02)
    assert faults.hit("imds") == {"refuse": None}  # its time begins when it is met
    time.sleep(0.02)
    assert faults.hit("imds") == {}
    one = faults.add(target="imds", effect="refuse")
    faults.clear(one)
    assert faults.hit("imds") == {}


@pytest.mark.parametrize("version, crictl", [("v1.22.3", False), ("v1.29.4", True), ("v1.31.0", True), ("v1.34.2", True)])
def test_packages_made_of_a_bundle_need_only_each_other(version: str, crictl: bool, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "cache_root", lambda: tmp_path / "cache")
    bundle = tmp_path / "bundle"
    paths.write_file(bundle / "manifest.json", json.dumps({"kubernetes": version}))
    for name in ("kubeadm", "kubelet", "kubectl", *(["crictl"] if crictl else [])):
        paths.write_file(bundle / "bin" / name, "")
    (bundle / "cni").mkdir()
    made = {}
    for deb in kubedebs.build(bundle)[1].glob("*.deb"):
        fields = must(["dpkg-deb", "--field", deb, "Package", "Version", "Depends"])
        made.update([(re.findall(r"(?m)^(?:Package|Version): (.*)", fields)[0], fields)])
        if fields.startswith("Package: kubelet"):
            listed = must(["dpkg-deb", "--contents", deb])
            assert ("/etc/kubernetes/manifests/.kubelet-keep" in listed) == (version != "v1.22.3"), listed
            assert "/etc/kubernetes/manifests/\n" in listed
    assert ("cri-tools" in made) == crictl
    for fields in made.values():
        for name, least in re.findall(r"(cri-tools|kubernetes-cni) \(>= ([^)]*)\)", fields):
            has = re.findall(r"(?m)^Version: (.*)", made[name])[0]
            must(["dpkg", "--compare-versions", has, "ge", least])
