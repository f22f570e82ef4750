"""The mini API server and, in the same process, the controllers, the scheduler and the ports of etcd."""
