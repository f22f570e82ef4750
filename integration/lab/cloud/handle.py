"""Starting the lab's AWS, stopping it, scripting it: what tests and the lab itself use.

    with running(tmp_path) as cloud:              # no machines, no privilege, loopback only
        env = cloud.environment()                 # an operator's: endpoint, credentials, region
        cloud.call("add_fault", target="aws", effect="error", value="InternalError", match={"action": "CreateVpc"})
"""
from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator, Sequence

from .. import control, processes, tree
from ..command import LabError
from ..paths import write_file

LOADERS = ("usr/lib64/ld-linux-x86-64.so.2", "lib64/ld-linux-x86-64.so.2", "usr/lib/ld-linux-aarch64.so.1",
           "lib/ld-linux-aarch64.so.1")


def python(root: Path) -> tuple[list[str], dict[str, str]]:
    """The Python of a Debian tree, run in place: no chroot, so no privilege, and the host's files in sight."""
    loader = next(root / one for one in LOADERS if (root / one).exists())
    libraries = next(one for one in (root / "usr/lib").glob("*-linux-gnu") if (one / "libc.so.6").exists())
    argv = [str(loader), "--library-path", str(libraries), str(root / "usr/bin/python3")]
    package_root = str(Path(__file__).resolve().parents[2])
    return argv, {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": f"{package_root}:{root}/usr/lib/python3/dist-packages",
                  "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
                  "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}


class CloudHandle:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, region: str = "eu-central-1", listen: list[dict[str, Any]] | None = None,
                  machines: bool = False, scale: float = 1.0) -> None:
        """`listen`: address, port (0 takes any), tls, and with tls certificate and key. `machines`: boots them through
        the lab's control socket in the same folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_file(self.folder / "cloud.json", json.dumps({
            "region": region, "machines": machines, "scale": scale,
            "listen": listen or [{"address": "127.0.0.1", "port": 0, "tls": False}]}))

    def start(self, prefix: Sequence[str] = (), groups: Sequence[Path] = ()) -> None:
        """`prefix`: words in front of the command; `groups`: control groups to run in. `wait_ready` waits for it."""
        argv, env = python(tree.aws_tree())
        (self.folder / "cloud.ready").unlink(missing_ok=True)
        with open(self.folder / "cloud.log", "ab") as log:
            self._process = subprocess.Popen([*prefix, *argv, "-m", "lab.cloud.main", str(self.folder)], env=env,
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                             preexec_fn=lambda: processes.join_groups(groups))
        processes.remember(self.folder / "cloud.pid", self._process.pid)

    def wait_ready(self, timeout: float = 600) -> None:
        deadline = time.monotonic() + timeout
        while not (self.folder / "cloud.ready").exists():
            if self._process and self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError("the lab's AWS did not start: " +
                               (self.folder / "cloud.log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    # ---- use

    def call(self, name: str, /, **parameters: Any) -> Any:
        return control.call(self.folder / "cloud.sock", name, **parameters)

    @property
    def region(self) -> str:
        return str(json.loads((self.folder / "cloud.json").read_text())["region"])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{json.loads((self.folder / 'cloud.ready').read_text())['ports'][0]}"

    def write_credentials(self, user: str = "operator") -> Path:
        """A shared credentials file of one of the lab's users, readable by its owner alone."""
        access_key, secret = self.call("keys")[user]
        path = self.folder / f"credentials-{user}"
        write_file(path, f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret}\n", 0o600)
        return path

    def environment(self, user: str = "operator") -> dict[str, str]:
        """What a client finds: the endpoint, one user's credentials, the region, and nothing of the host's own."""
        config = self.folder / "aws-config"
        write_file(config, f"[default]\nregion = {self.region}\n")
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                "HOME": str(self.folder), "AWS_CONFIG_FILE": str(config), "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region, "AWS_SHARED_CREDENTIALS_FILE": str(self.write_credentials(user)),
                "AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def requests(self, **wanted: str) -> list[dict[str, Any]]:
        """The request log, oldest first, narrowed to entries whose fields equal `wanted`."""
        log = self.folder / "requests.jsonl"
        entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [one for one in entries if all(one.get(name) == value for name, value in wanted.items())]


@contextlib.contextmanager
def running(folder: Path, region: str = "eu-central-1") -> Iterator[CloudHandle]:
    """AWS without machines for as long as the block lasts."""
    handle = CloudHandle(folder)
    handle.configure(region)
    handle.start()
    try:
        handle.wait_ready()
        yield handle
    finally:
        handle.stop()
