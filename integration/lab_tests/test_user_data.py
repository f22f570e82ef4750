"""User-data fetches nodeboot on real machines: over https, from a private bucket, through faults and a power cut."""
from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any, Callable, Iterator

import pytest
from lab_tests.test_cloud_machines import operator

from lab import layer
from lab.lab import Lab
from lab.machine import Machine, wait_for
from lab.userdata import render

BUCKET, KEY, ROLE = "nodeboot-user-data", "demo/nodeboot 1.0", "user-data-test"
URL = f"https://{BUCKET}.s3.eu-central-1.amazonaws.com/demo/nodeboot%201.0"
CONFIG = '[cluster]\nname = "demo"\n'
# Stands for nodeboot: notes that it ran.
BINARY = b"#!/bin/sh\necho \"$@\" >> /root/ran\n# " + os.urandom(3000).hex().encode() + b"\n"
SHA256 = hashlib.sha256(BINARY).hexdigest()
INSTALLED, PART = "/usr/local/bin/nodeboot", "/usr/local/bin/nodeboot.part"
Launch = Callable[..., Machine]


def allow(lab: Lab, *actions: str) -> None:
    """What the instances' role may do with the object. A role has one statement at least."""
    lab.call("put_role", name=ROLE, document={"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": list(actions) or ["ec2:DescribeTags"],
         "Resource": f"arn:aws:s3:::{BUCKET}/{KEY}" if actions else "*"}]})


def put_object(lab: Lab, body: bytes) -> None:
    operator(lab, f"import base64; s3.put_object(Bucket='{BUCKET}', Key='{KEY}', "
             f"Body=base64.b64decode('{base64.b64encode(body).decode()}'))")


@pytest.fixture(scope="module", autouse=True)
def binary(lab: Lab) -> None:
    operator(lab, f"s3.create_bucket(Bucket='{BUCKET}', "
             "CreateBucketConfiguration={'LocationConstraint': 'eu-central-1'})")
    (lab.folder / "files").mkdir(exist_ok=True)
    (lab.folder / "files/stand-in").write_bytes(BINARY)


@pytest.fixture
def launch(lab: Lab) -> Iterator[Launch]:
    allow(lab, "s3:GetObject")
    put_object(lab, BINARY)
    made: list[Machine] = []

    def one(user_data: str = render(CONFIG, URL, SHA256, "eu-central-1"), **more: Any) -> Machine:
        made.append(lab.launch(f"user-data-{len(made)}", role=ROLE, user_data=user_data, **more))
        return made[-1]

    yield one
    for machine in made:
        machine.terminate()


def said(machine: Machine, text: str, timeout: float = 120) -> None:
    wait_for(f"'{text}' on the console", lambda: text in machine.console(), timeout)


def assert_ran(machine: Machine) -> None:
    said(machine, f"installed sha256={SHA256}")
    wait_for("nodeboot to run", lambda: machine.exists("/root/ran"), 30)
    assert machine.read("/root/ran") == "node up\n"
    assert machine.must(f"stat -c '%a %U' {INSTALLED}").strip() == "755 root"
    assert not machine.exists(PART)
    assert machine.must("systemctl is-enabled nodeboot.service").strip() == "enabled"


def assert_no_secret_was_left(lab: Lab, machine: Machine) -> None:
    """Neither credentials nor tokens are in a file, a log or a process's arguments; all passed through memory."""
    seen = machine.must("journalctl --no-pager --output=cat; cat /var/log/cloud-init*.log; cat /proc/[0-9]*/cmdline "
                        "/proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; true") + machine.console()
    assert "ASIA" not in seen and "SecretAccessKey" not in seen
    assert machine.run("grep -rlE 'ASIA[A-Z0-9]{16}' /etc /var/lib/cloud /var/log /usr/local /root /run /tmp "
                       "2>/dev/null").out == ""


def test_from_a_private_bucket_with_the_instances_role(lab: Lab, launch: Launch) -> None:
    machine = launch()
    assert_ran(machine)
    assert_no_secret_was_left(lab, machine)
    asked = lab.requests_of(machine, service="s3", role=ROLE)
    assert [(one["action"], one["outcome"]) for one in asked] == [("GetObject", "200")], asked


def test_over_https(lab: Lab, launch: Launch) -> None:
    assert_ran(launch(render(CONFIG, f"https://{layer.FILES_HOST}/stand-in", SHA256)))


def test_a_role_that_may_not_yet_is_waited_for(lab: Lab, launch: Launch) -> None:
    allow(lab)
    machine = launch()
    said(machine, "answered 403 AccessDenied")
    assert not machine.exists(INSTALLED)
    allow(lab, "s3:GetObject")
    assert_ran(machine)


def test_late_credentials_throttling_and_broken_answers_pass(lab: Lab, launch: Launch) -> None:
    with lab.fault("aws", "truncate", 1000, action="GetObject"):
        with lab.fault("aws", "error", "Throttling", action="GetObject"):
            with lab.fault("imds", "status", 404, path="security-credentials"):
                machine = launch()
                said(machine, "169.254.169.254 answered 404")
            said(machine, "answered 503")
        said(machine, "broke off after 1000 bytes")
    assert_ran(machine)


def test_a_wrong_file_is_refused_and_the_right_one_taken(lab: Lab, launch: Launch) -> None:
    put_object(lab, b"#!/bin/sh\ntouch /root/evil\n")
    machine = launch()
    said(machine, "install-failed reason=sha256-mismatch")
    assert machine.run(f"ls {INSTALLED} {PART}").out == ""
    put_object(lab, BINARY)
    machine.must(["systemctl", "restart", "--no-block", "nodeboot.service"])  # instead of waiting for five minutes
    assert_ran(machine)
    assert not machine.exists("/root/evil")


def test_a_power_cut_in_the_middle_is_made_up_for(lab: Lab, launch: Launch) -> None:
    with lab.fault("files", "slow", 200, path="stand-in"):
        machine = launch(render(CONFIG, f"https://{layer.FILES_HOST}/stand-in", SHA256))
        wait_for("the download to begin", lambda: machine.leader and machine.exists(PART), 120)
        machine.must(["sync"])
        machine.cut_power()
    machine.boot()
    assert_ran(machine)


def test_a_reboot_runs_nodeboot_again_and_fetches_nothing(lab: Lab, launch: Launch) -> None:
    machine = launch()
    assert_ran(machine)
    asked = len(lab.requests_of(machine, service="s3"))
    machine.write(INSTALLED, BINARY + b"# upgraded by hand\n", 0o755)
    machine.reboot()
    machine.wait_booted(120)
    wait_for("nodeboot to run again", lambda: machine.read("/root/ran") == "node up\nnode up\n", 60)
    assert len(lab.requests_of(machine, service="s3")) == asked
    assert "upgraded by hand" in machine.read(INSTALLED)


def test_cloud_init_is_content(lab: Lab, launch: Launch) -> None:
    machine = launch()
    assert_ran(machine)
    status = json.loads(machine.run(["cloud-init", "status", "--wait", "--format=json"]).out)
    assert status["errors"] == [] and status["status"] == "done", status
    assert "Valid schema" in machine.must("cloud-init schema --system")
    assert machine.must("systemctl --failed --plain --no-legend").strip() == ""
