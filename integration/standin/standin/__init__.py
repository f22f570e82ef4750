"""A stand-in for Kubernetes, for tests of what drives kubeadm, kubelet, kubectl and the API.

It is not Kubernetes: no container is ever run. It answers as Kubernetes answers and refuses what Kubernetes
refuses, so that a mistake in the caller shows up where no real Kubernetes can be had.
"""
