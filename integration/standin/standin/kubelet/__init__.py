"""The stand-in kubelet: a real unit's process that registers a node, and "runs" pods by saying that they run."""
