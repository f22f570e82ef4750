"""Static pod manifests: which components they start, and with which flags."""
import functools

from .. import place, yamldoc

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


def flags_of(document: dict) -> dict[str, str]:
    """{flag: value} of the first container's command line."""
    container = document["spec"]["containers"][0]
    words = (container.get("command") or []) + (container.get("args") or [])
    return dict(w[2:].partition("=")[::2] for w in words if w.startswith("--"))


@functools.lru_cache(maxsize=16)
def _parse(text: str) -> dict[str, str]:
    return flags_of(yamldoc.load(text))


def read() -> dict[str, dict[str, str]]:
    """{component: flags} for every component whose manifest is there and readable."""
    found = {}
    for name in COMPONENTS:
        try:
            found[name] = _parse(place.at(f"{place.MANIFESTS_DIR}/{name}.yaml").read_text())
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            continue
    return found
