#!/usr/bin/env python3
"""The shipped binary speaks TLS with every kind of server that it has to, and refuses the others.

Usage: tls_peers.py BINARY [--emulator PROGRAM]

The binary holds a part of OpenSSL's algorithms (third_party/openssl_subset.cpp); unit tests hold all of them. So this
asks the file that is shipped, with `openssl s_server` at the other end. Exit 77: cannot be checked on this machine.
"""

import argparse
import contextlib
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

SKIPPED = 77
PATIENCE = 120  # seconds, for a machine that is busy
AFTERWARDS = 3  # seconds after its first word on TLS, in which an answer would come
KEYS = {
    "rsa": ["-newkey", "rsa:2048"],
    "rsa-pss": ["-newkey", "rsa:2048", "-sigopt", "rsa_padding_mode:pss", "-sha384"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384"],
    "p521": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-sha512"],
    "ed25519": ["-newkey", "ed25519"],
}
# (name, key, options of s_server, what the client must say)
ANSWERED, REFUSED = "200", "refused"
CASES = [
    *((f"certificate_{key}", key, [], ANSWERED) for key in KEYS),
    *((f"tls13_{suite}", "p256", ["-tls1_3", "-ciphersuites", suite], ANSWERED)
      for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")),
    *((f"tls12_{suite}", "rsa", ["-tls1_2", "-cipher", suite], ANSWERED)
      for suite in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
                    "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256")),
    ("tls12_ecdsa", "p256", ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], ANSWERED),
    *((f"group_{group}", "p256", ["-groups", group], ANSWERED) for group in ("X25519", "P-256", "P-384", "P-521")),
    ("old_protocol", "rsa", ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], REFUSED),
    ("no_encryption", "rsa", ["-tls1_2", "-cipher", "NULL:@SECLEVEL=0"], REFUSED),
]


def certificate(folder, name, options, host="127.0.0.1"):
    """A self-signed one, its own CA: BASE.pem, BASE.key."""
    base = folder / f"{name}-{host}"
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext",
                    f"subjectAltName=IP:{host}", *options, "-keyout", f"{base}.key", "-out", f"{base}.pem"],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return base


@contextlib.contextmanager
def server(base, options):
    """s_server on a port of its own choice, which it prints."""
    child = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", f"{base}.pem", "-key",
                              f"{base}.key", "-www", *options],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ports = (re.match(r"ACCEPT 127.0.0.1:(\d+)", line) for line in child.stdout)
        port = next(filter(None, ports), None)
        if port is None:
            raise RuntimeError(f"openssl s_server {' '.join(options)} does not listen")
        yield f"https://127.0.0.1:{port[1]}"
    finally:
        child.kill()
        child.wait()


def ask(command, folder, url, ca):
    """What `bundle create` says about its first download: s_server answers every GET with a page about the session."""
    said, refused = [], False
    with subprocess.Popen([*command, "bundle", "create", str(folder / "bundle"), "--kubernetes", "1.35.1", "--mirror", url,
                           "--log-level", "debug"], env={"SSL_CERT_FILE": f"{ca}.pem"}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        # Refused, it tries again, as it should: a server may come back better. So it is ended.
        end = threading.Timer(PATIENCE, child.kill)
        end.start()
        for line in child.stdout:
            said.append(line)
            if not refused and verdict(line) == REFUSED:
                refused = True
                end.cancel()
                end = threading.Timer(AFTERWARDS, child.kill)
                end.start()
        end.cancel()
    return " ".join(" ".join(said).split())


def verdict(said):
    """A page in place of a checksum is complained of by name; a failed handshake by TLS's words."""
    if "holds no sha256 for kubeadm" in said:
        return ANSWERED
    return REFUSED if re.search(r"SSL|TLS|certificate|handshake|cipher", said) else "neither: " + said


def check(command, folder):
    wrong = []

    def case(name, base, options, expected, ca=None):
        with server(base, options) as url:
            said = ask(command, folder, url, ca or base)
        if verdict(said) != expected:
            wrong.append(f"{name}: expected {expected}, it said: {said}")

    bases = {name: certificate(folder, name, options) for name, options in KEYS.items()}
    for name, key, options, expected in CASES:
        case(name, bases[key], options, expected)
    case("unknown_authority", bases["p256"], [], REFUSED, ca=bases["rsa"])
    elsewhere = certificate(folder, "p256", KEYS["p256"], host="127.0.0.2")
    case("name_of_another_host", elsewhere, [], REFUSED)
    return len(CASES) + 2, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--emulator")
    arguments = parser.parse_args()
    for program in filter(None, ("openssl", arguments.emulator)):
        if not shutil.which(program):
            print(f"skipped: no {program} on this machine")
            return SKIPPED
    if not pathlib.Path(arguments.binary).exists():
        print(f"skipped: no {arguments.binary} (its build was skipped)")
        return SKIPPED
    command = [*([arguments.emulator] if arguments.emulator else []), arguments.binary]
    with tempfile.TemporaryDirectory() as folder:
        count, wrong = check(command, pathlib.Path(folder))
    print("\n".join(wrong) or f"{count} kinds of TLS servers, each as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
