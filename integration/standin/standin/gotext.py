"""Text as Go programs write it: durations, quoted strings, klog lines, lists."""
import datetime
import json
import os
import re
import sys

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$")


def parse_duration(text: str) -> float:
    """Seconds. ValueError with Go's words when it is no duration."""
    if text == "0":
        return 0.0
    if not _DURATION.match(text):
        if re.match(r"^[-+]?[\d.]+$", text):
            raise ValueError(f'time: missing unit in duration {quote(text)}')
        raise ValueError(f'time: invalid duration {quote(text)}')
    total = sum(float(n) * _UNITS[u] for n, u in re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", text))
    return -total if text.startswith("-") else total


def format_duration(seconds: float) -> str:
    """4m0s, 1h0m0s, 501.5ms: what Go prints for a time.Duration."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms" if seconds else "0s"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{rest:.6f}".rstrip("0").rstrip(".") + "s"
    if hours or minutes:
        text = f"{int(minutes)}m{text}"
    return f"{int(hours)}h{text}" if hours else text


def quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def go_list(items) -> str:
    return "[" + " ".join(str(i) for i in items) + "]"


def klog(severity: str, message: str, where: str = "standin.py:1") -> None:
    """One line as klog writes it, to stderr: W1123 04:19:00.123456    1234 where] message."""
    now = datetime.datetime.now()
    sys.stderr.write(f"{severity}{now:%m%d %H:%M:%S.%f} {os.getpid():7d} {where}] {message}\n")
    sys.stderr.flush()


def warning(message: str) -> None:
    klog("W", message)


def now_rfc3339() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def now_micro() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> float:
    """Seconds since the epoch; ValueError when it is not RFC 3339."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
