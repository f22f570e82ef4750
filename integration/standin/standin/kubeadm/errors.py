"""Errors that end a kubeadm command, and the phases they happen in."""


class KubeadmError(Exception):
    """The text after "error: "; `code` is the exit code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code


class UsageError(Exception):
    """A command line that cannot be read: the text is printed as it is."""
