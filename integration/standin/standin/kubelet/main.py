"""The kubelet process."""
import os
import signal
import sys
import threading
import time
import traceback

from .. import client, gotext, place
from . import bootstrap, flags, server, settings
from .node import Node
from .pods import Pods
from .staticpods import StaticPods


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["standin-control-plane"]:
        from ..apiserver.main import run
        run()
        return 0
    sys.stderr.write(f"{place.banner('kubelet')}\n")
    try:
        found = flags.parse(words)
        if "version" in found:
            print(f"Kubernetes {place.version()}")
            return 0
        _run(found)
    except (flags.BadFlag, settings.Refused) as error:
        gotext.klog("E", f'"command failed" err={gotext.quote(str(error))}', "run.go:72")
        return 1
    return 0


def _run(found: dict[str, str]) -> None:
    configured = settings.load(found)
    runtime = settings.check_machine(configured)
    must_ask = bootstrap.prepare(configured)
    place.at(configured.volume_plugins).mkdir(parents=True, exist_ok=True)
    try:
        server.start(configured)
    except OSError as error:
        raise settings.Refused(f"failed to run Kubelet: listen tcp: bind: {error.strerror.lower()}") from None
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    certified = threading.Event()
    if must_ask:
        threading.Thread(target=lambda: (bootstrap.ask(configured), certified.set()), daemon=True).start()
    else:
        certified.set()
    _loop(configured, runtime, certified)


def _loop(configured: settings.Settings, runtime, certified: threading.Event) -> None:
    node, pods, static = Node(configured, runtime), Pods(configured, runtime), StaticPods(configured, runtime)
    api, told = None, ""
    while True:
        try:
            mine = static.step()
            if certified.is_set():
                api = api or client.from_kubeconfig(configured.flags["kubeconfig"])
                node.step(api)
                static.mirror(api, mine)
                pods.step(api)
            told = ""
        except (client.ApiError, client.Unreachable, OSError, ValueError) as error:
            if str(error) != told:
                gotext.klog("E", f'"Unable to reach the API server or to use its answer" err={gotext.quote(str(error))}',
                            "kubelet.go:2000")
            told, api = str(error), None
        except Exception:
            traceback.print_exc()
        settled = bool(node.reported) and node.reported[-1][1] == "True" and not pods.waiting
        time.sleep(1.5 if settled else 0.4)
