"""csrapproving and csrsigning, for kubelets' client certificates only."""
import base64
import time

from cryptography import x509

from ... import gotext, pki, place
from .. import authz, resources
from ..authn import User

REQUESTS = resources.BY_PLURAL["certificatesigningrequests"]
SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
_GROUP = "certificates.k8s.io"


def approve_and_sign(store, ca_cert, ca_key) -> None:
    late = place.fault("csr_approval_delay", 0)
    for request in store.list(REQUESTS):
        status = request.setdefault("status", {})
        age = time.time() - gotext.parse_time(request["metadata"]["creationTimestamp"])
        if status.get("certificate") or request["spec"].get("signerName") != SIGNER or age < late:
            continue
        if not _approved(status) and not _may_be_approved(store, request):
            continue
        if not _approved(status):
            status.setdefault("conditions", []).append({
                "type": "Approved", "status": "True", "reason": "AutoApproved",
                "message": "Auto approving kubelet client certificate after SubjectAccessReview.",
                "lastUpdateTime": gotext.now_rfc3339(), "lastTransitionTime": gotext.now_rfc3339()})
        status["certificate"] = _sign(request, ca_cert, ca_key)
        store.put(REQUESTS, request)


def _approved(status: dict) -> bool:
    return any(c["type"] == "Approved" for c in status.get("conditions") or [])


def _csr(request: dict):
    return x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"]))


def _may_be_approved(store, request: dict) -> bool:
    subject = _csr(request).subject
    name = pki.common_name(subject)
    if pki.organizations(subject) != ["system:nodes"] or not name.startswith("system:node:"):
        return False
    if not set(request["spec"]["usages"]) <= {"key encipherment", "digital signature", "client auth"}:
        return False
    asker = User(request["spec"]["username"], tuple(request["spec"]["groups"]))
    kind = "selfnodeclient" if asker.name == name else "nodeclient"
    return authz.allowed(store, asker, authz.Question("create", _GROUP, REQUESTS.plural, kind))


def _sign(request: dict, ca_cert, ca_key) -> str:
    csr = _csr(request)
    cert = pki.issue(ca_cert, ca_key, csr.public_key(), "", subject=csr.subject)
    return base64.b64encode(pki.cert_pem(cert)).decode()
