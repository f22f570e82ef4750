"""kubeadm reset: stops what runs, empties kubeadm's folders, and says what it leaves alone."""
import os
import shutil

from .. import client, files, gotext, initsystem, place
from . import preflight
from .errors import KubeadmError

_CONFS = ["admin.conf", "super-admin.conf", "kubelet.conf", "bootstrap-kubelet.conf", "controller-manager.conf",
          "scheduler.conf"]


def run(force: bool, certificates: str, ignored: set[str], clean_tmp: bool, skipped: list[str], ask=input) -> None:
    _look_at_cluster()
    if not force:
        gotext.warning("[reset] WARNING: Changes made to this host by 'kubeadm init' or 'kubeadm join' will be reverted.")
        try:
            answer = ask("[reset] Are you sure you want to proceed? [y/N]: ")
        except EOFError:
            answer = ""
        if answer.strip().lower() != "y":
            raise KubeadmError("error execution phase preflight: aborted reset operation")
    if "preflight" not in skipped:
        print("[preflight] Running pre-flight checks", flush=True)
        preflight.run(preflight.root_check(), ignored)
    etcd = "remove-etcd-member" not in skipped and _local_etcd()
    if "cleanup-node" not in skipped:
        _clean(certificates, clean_tmp, etcd)
    print(_LEFT)


def _look_at_cluster() -> None:
    if not files.exists(f"{place.KUBERNETES_DIR}/admin.conf"):
        return
    print('[reset] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...', flush=True)
    try:
        admin = client.from_kubeconfig(f"{place.KUBERNETES_DIR}/admin.conf", timeout=5)
        admin.get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config")
    except (client.ApiError, client.Unreachable, OSError, ValueError) as error:
        gotext.warning(f"[reset] Unable to fetch the kubeadm-config ConfigMap from cluster: failed to get config map: "
                       f"{error}")


def _local_etcd() -> bool:
    if files.exists(f"{place.MANIFESTS_DIR}/etcd.yaml"):
        print(f"[reset] Deleted contents of the etcd data directory: {place.ETCD_DIR}")
        return True
    gotext.warning("[reset] No kubeadm config, using etcd pod spec to get data directory")
    print("[reset] No etcd config found. Assuming external etcd\n[reset] Please, manually reset etcd to prevent further "
          "issues")
    return False


def _clean(certificates: str, clean_tmp: bool, etcd: bool) -> None:
    print("[reset] Stopping the kubelet service", flush=True)
    initsystem.stop_kubelet()
    print(f'[reset] Unmounting mounted directories in "{place.KUBELET_DIR}"')
    initsystem.stop_control_plane()
    if etcd:  # only now: a kubelet that runs would start the control plane again, on an empty store
        _empty(place.ETCD_DIR)
    folders = [place.MANIFESTS_DIR, place.KUBELET_DIR, certificates]
    if clean_tmp:
        folders.append(f"{place.KUBERNETES_DIR}/tmp")
    print(f"[reset] Deleting contents of directories: {gotext.go_list(folders)}")
    for folder in folders:
        _empty(folder)
    confs = [f"{place.KUBERNETES_DIR}/{n}" for n in _CONFS]
    print(f"[reset] Deleting files: {gotext.go_list(confs)}")
    for path in confs:
        place.at(path).unlink(missing_ok=True)


def _empty(folder: str) -> None:
    there = place.at(folder)
    for name in os.listdir(there) if there.is_dir() else []:
        target = there / name
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink()


_LEFT = """
The reset process does not perform cleanup of CNI plugin configuration,
network filtering rules and kubeconfig files.

For information on how to perform this cleanup manually, please see:
    https://k8s.io/docs/reference/setup-tools/kubeadm/kubeadm-reset/
"""
