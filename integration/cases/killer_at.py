"""Kills nodeboot with SIGKILL as soon as something is there. Runs on the machine itself: python3 killer_at.py MARK…

A MARK is a file, or an object as `kubectl get` names it ("-n kube-system configmap/coredns"). For each of them, in this
order, nodeboot is started and killed at the sight of the mark; what is there already is passed over. So kubeadm dies
in the middle of its work, which takes long where nodeboot's own steps do not, and each next run meets a little more.

Prints one JSON document: the marks at which nodeboot was killed, and those that it ended without.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
import time

ADMIN = "/etc/kubernetes/admin.conf"


def there(mark: str) -> bool:
    if mark.startswith("/"):
        return os.path.exists(mark)
    argv = ["kubectl", "--kubeconfig", ADMIN, "--request-timeout=20s", "get", *mark.split()]
    return os.path.exists(ADMIN) and subprocess.run(argv, capture_output=True).returncode == 0


def killed_at(mark: str) -> bool:
    with open("/tmp/killer.err", "ab") as errors:
        child = subprocess.Popen(["nodeboot", "node", "up"], stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    while child.poll() is None:
        if there(mark):
            child.kill()
            child.wait()
            return True
        time.sleep(0.005)
    return False


def main(marks: list[str]) -> None:
    killed, never = [], []
    for mark in marks:
        if not there(mark):
            (killed if killed_at(mark) else never).append(mark)
    print(json.dumps({"killed": killed, "never": never}))


main(sys.argv[1:])
