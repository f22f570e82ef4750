"""Writing files with an explicit mode, below the run's root."""
import os
from pathlib import Path

from . import place


def write(path: str, content: str | bytes, mode: int) -> Path:
    """Writes the file as a whole; its folder is made (0755) when it is missing."""
    target = place.at(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(handle, mode)
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(temporary, target)
    return target


def read(path: str) -> str:
    return place.at(path).read_text()


def exists(path: str) -> bool:
    return place.at(path).exists()
