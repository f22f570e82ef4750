"""Which name servers a pod gets. As the real kubelet (pkg/kubelet/network/dns) it reads the file for each pod that it
starts, and starts none while the file is not there."""
from .. import files
from .settings import Settings


class Missing(Exception):
    pass


def host_servers(settings: Settings) -> list[str]:
    path = settings.flags.get("resolv-conf", settings.config.get("resolvConf", "/etc/resolv.conf"))
    if not path:
        return ["127.0.0.1"]
    try:
        text = files.read(path)
    except OSError:
        raise Missing(f"open {path}: no such file or directory") from None
    lines = [line.split() for line in text.splitlines()]
    return [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1][:3]


def servers_of(settings: Settings, pod: dict) -> list[str]:
    """CoreDNS has the policy Default; pods in the host's network get the host's servers unless they ask for more."""
    here, policy = host_servers(settings), pod["spec"].get("dnsPolicy", "ClusterFirst")
    of_host = policy == "Default" or (policy == "ClusterFirst" and pod["spec"].get("hostNetwork"))
    return here if of_host else settings.config.get("clusterDNS") or here
