"""The stand-in kubeadm: real files, real certificates, real refusals."""
