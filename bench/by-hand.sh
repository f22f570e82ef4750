#!/bin/sh
# The commands that make a bare machine a control plane, one after the other, as somebody would give them who never has
# to think, look or wait. bench/first-boot runs this beside nodeboot. Usage: by-hand.sh VERSION NODE
# /root/hand holds the files that nodeboot wrote on the other machine: files/ as they go below /, init.yaml,
# flannel.yaml, flannel-images.
set -eu
here=/root/hand
version=$1
node=$2
export DEBIAN_FRONTEND=noninteractive KUBECONFIG=/etc/kubernetes/admin.conf

cp -a "$here/files/." /
sysctl --quiet --ignore --load=/etc/sysctl.d/99-zz-nodeboot.conf || true # what a container may not set is not set
systemctl restart systemd-networkd systemd-resolved

apt-get update --quiet
apt-get install --quiet --yes -o Dpkg::Options::=--force-confold --no-install-recommends containerd runc
systemctl restart containerd

apt-get install --quiet --yes --no-install-recommends "kubelet=$version-*" "kubeadm=$version-*" "kubectl=$version-*"
apt-mark hold kubelet kubeadm kubectl

systemctl daemon-reload
systemctl enable kubelet
kubeadm config images pull --config "$here/init.yaml"
while read -r image; do
    ctr --namespace k8s.io images pull "$image" >/dev/null
done <"$here/flannel-images"

kubeadm init --config "$here/init.yaml" --skip-token-print
kubectl apply --server-side -f "$here/flannel.yaml"

ready() { kubectl get node "$node" -o json | tr -d ' \n' | grep -q '"type":"Ready","status":"True"'; }
serving() { kubectl --namespace kube-system get deployment coredns -o json | grep -q '"availableReplicas": 2'; }
until ready 2>/dev/null; do sleep 0.2; done
until serving 2>/dev/null; do sleep 0.2; done
