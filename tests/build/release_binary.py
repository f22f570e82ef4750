#!/usr/bin/env python3
"""Checks of the file that is shipped. Usage: release_binary.py CHECK BINARY [--tools PREFIX] [--emulator PROGRAM]

Why each of them: docs/decisions/0001-static-tls-and-resolver.md. Exit 77: cannot be checked on this machine.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MAX_SIZE = 8 * 1024 * 1024
MAX_START_MS = 10
STARTS = 30
SKIPPED = 77

# Functions of glibc that load the host's name service modules. (What is left of dlopen and iconv belongs to libstdc++'s
# locales, which stay "C": it is never reached.)
FORBIDDEN = re.compile(
    r"_*(nss_(action|database|files|getent|lookup|module|next)\w*|getpw\w+|getgr(ent|gid|nam)\w*"
    r"|get(host|serv|proto|net)by\w+_r|gaih_inet|getaddrinfo_a)"
)
OURS = {"getservbyname_r", "getservbyport_r"}  # defined by third_party/no_nss.cpp


class Mistake(Exception):
    pass


class Skipped(Exception):
    pass


def expect(holds, message):
    if not holds:
        raise Mistake(message)


def output(*argv, **options):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, **options).stdout


def static_pie(binary, run, tools):
    """It needs no other file, and is loaded at an address that differs each time."""
    header = output(tools + "readelf", "-hlW", binary)
    dynamic = output(tools + "readelf", "-dW", binary)
    expect(re.search(r"Type:\s+DYN", header), "is not position independent")
    expect("INTERP" not in header, "asks for a dynamic loader (INTERP)")
    expect("(NEEDED)" not in dynamic, "needs shared libraries:\n" + dynamic)
    expect(re.search(r"FLAGS_1.*PIE", dynamic), "is not marked PIE")
    return "static-pie, no loader, no shared library"


def hardened(binary, run, tools):
    """Relocations are read-only after start, the stack and the data cannot be executed."""
    segments = output(tools + "readelf", "-lW", binary)
    expect("GNU_RELRO" in segments, "has no GNU_RELRO segment")
    expect(re.search(r"GNU_STACK.*\bRW\b", segments), "has an executable stack")
    loads = re.findall(r"LOAD\s+(?:0x\S+\s+){5}([RWE ]+?)\s+0x", segments)
    expect(loads and all(not ("W" in flags and "E" in flags) for flags in loads), "has a segment both writable and executable")
    expect("BIND_NOW" in output(tools + "readelf", "-dW", binary), "binds lazily")
    return "RELRO, BIND_NOW, nothing both writable and executable"


def no_nss(binary, run, tools):
    """Nothing of the host's name service was linked in. Looks into BINARY.debug, which has the symbols."""
    symbols = {line.split()[-1].split("@")[0] for line in output(tools + "nm", str(binary) + ".debug").splitlines()}
    expect("main" in symbols, f"{binary}.debug has no symbols")
    found = sorted(name for name in symbols if FORBIDDEN.fullmatch(name) and name not in OURS)
    expect(not found, "has functions that open the host's name service modules: " + ", ".join(found))
    return f"{len(symbols)} symbols, none of them loads the host's name service"


def no_linker_warning(binary, run, tools):
    """A warning of the linker is an error, so that a file that was linked had none."""
    ninja = binary.parent / "build.ninja"
    rules = ninja.read_text(encoding="utf-8").split("build ")
    ours = [rule for rule in rules if rule.startswith(f"{binary.name}:")]
    expect(len(ours) == 1, f"{ninja} has no rule for {binary.name}")
    expect("-Wl,--fatal-warnings" in ours[0], "is linked without -Wl,--fatal-warnings")
    expect("--no-fatal-warnings" not in ours[0] and "--no-warn" not in ours[0], "is linked with warnings turned off")
    return "linked under --fatal-warnings"


def small(binary, run, tools):
    size = binary.stat().st_size
    expect(size <= MAX_SIZE, f"is {size} bytes long, {size - MAX_SIZE} more than allowed")
    expect(".symtab" not in output(tools + "readelf", "-SW", binary), "is not stripped")
    return f"{size / 1024 / 1024:.2f} MiB of {MAX_SIZE // 1024 // 1024}, stripped"


def starts_quickly(binary, run, tools):
    """By the processor's time: what others make the machine wait for is not the binary's. What it waits for itself shows in
    its quickest start, for which there is much more room."""
    def used():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    def start():
        before, began = used(), time.perf_counter()
        run("version")
        return (used() - before) * 1000, (time.perf_counter() - began) * 1000

    busy, passed = zip(*(start() for _ in range(STARTS)))
    median, quickest = statistics.median(busy), min(passed)
    expect(median <= MAX_START_MS, f"takes {median:.1f} ms of the processor's time to print its version")
    expect(quickest <= 20 * MAX_START_MS, f"takes {quickest:.1f} ms at least to print its version")
    return f"prints its version with {median:.1f} ms of processor time (median of {STARTS}), in {quickest:.1f} ms at best"


def runs_alone(binary, run, tools):
    """In a root folder that holds nothing but the binary."""
    enter = [shutil.which("chroot", path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if os.geteuid() != 0:
        enter = [shutil.which("unshare"), "--map-root-user", *enter]
    with tempfile.TemporaryDirectory() as root:
        shutil.copy(binary, root)
        if len(enter) > 1 and subprocess.run([*enter[:2], "true"], check=False).returncode:
            raise Skipped("neither root nor user namespaces: cannot chroot")
        printed = output(*enter, root, f"/{binary.name}", "version", env={})
    expect(printed.startswith("nodeboot "), f"printed {printed!r}")
    return "prints its version in an empty root folder with an empty environment"


def runs(binary, run, tools):
    printed = run("version")
    expect(printed.startswith("nodeboot "), f"printed {printed!r}")
    return printed.strip()


CHECKS = {f.__name__: f for f in (static_pie, hardened, no_nss, no_linker_warning, small, starts_quickly, runs_alone, runs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--tools", default="", metavar="PREFIX", help="of binutils, such as aarch64-linux-gnu-")
    parser.add_argument("--emulator", help="to run the binary with")
    arguments = parser.parse_args()

    # script/build has skipped the build for the same reason.
    if arguments.tools and not shutil.which(arguments.tools + "g++"):
        print(f"{arguments.check}: skipped: no {arguments.tools}g++ on this machine")
        return SKIPPED

    def run(*words):
        emulator = [arguments.emulator] if arguments.emulator else []
        if emulator and not shutil.which(emulator[0]):
            raise Skipped(f"no {emulator[0]} on this machine")
        return output(*emulator, arguments.binary, *words)

    try:
        print(f"{arguments.binary.name}: {CHECKS[arguments.check](arguments.binary, run, arguments.tools)}")
        return 0
    except Skipped as reason:
        print(f"{arguments.check}: skipped: {reason}")
        return SKIPPED
    except (Mistake, subprocess.CalledProcessError, OSError) as error:
        print(f"{arguments.binary} {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
