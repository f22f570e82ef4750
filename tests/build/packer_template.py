#!/usr/bin/env python3
"""Has Packer validate packer/, for each distribution and architecture, and refuse a template with mistakes in it. What the
builder runs last is run here, with a sudo that only takes notes.

Debian's Packer (1.6.6) is older than what the template is for: it has the Amazon builder built in and does not know the
block that asks for the plugin, nor two settings of newer plugins. They are parsed (packer fmt), then left out, and must be there to be.
"""

import hashlib
import itertools
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

NEWER = {"nodeboot.pkr.hcl": (r"  metadata_options \{\n(    .*\n)+  \}\n", r"  imds_support = .*\n")}
VARIABLES = {"binary": "nodeboot", "sha256": "0" * 64, "kubernetes_version": "1.35", "region": "eu-central-1"}


def validate(folder, **more):
    words = [f"-var={name}={value}" for name, value in (VARIABLES | more).items()]
    done = subprocess.run(["packer", "validate", *words, "."], cwd=folder, text=True, capture_output=True,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "CHECKPOINT_DISABLE": "1"})
    return done.returncode, done.stdout + done.stderr


def bake(text):
    """Runs the last provisioner's lines in a folder that stands for /tmp, with a sudo that notes what it is told."""
    lines = re.findall(r'^ {6}"((?:[^"\\]|\\.)*)",$', text[text.rindex("inline = ["):], re.M)
    lines = [line.replace('\\"', '"') for line in lines]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "bin").mkdir()
        sudo = folder / "bin/sudo"
        sudo.write_text('#!/bin/sh\necho "$@" >> "$NOTES"\n[ "$1" = install ] && exit 0\n'
                        'ls -A "$(dirname "$5")" >> "$NOTES"\nstat -c %a "$(dirname "$5")" >> "$NOTES"\n')
        sudo.chmod(0o755)
        tmp = folder / "tmp"
        (tmp / "config.d").mkdir(parents=True)
        (tmp / "config.d/evil.toml").write_text("")
        (tmp / "bake.toml").write_text("")
        (tmp / "nodeboot").write_text("binary")
        script = "\n".join(lines).replace("/tmp/", f"{tmp}/")
        script = script.replace("${var.sha256}", hashlib.sha256(b"binary").hexdigest())
        script = script.replace("${var.kubernetes_version}", "1.35")
        done = subprocess.run(["sh", "-e", "-c", script], text=True, capture_output=True,
                              env={"PATH": f"{folder}/bin:/usr/bin:/bin", "NOTES": str(folder / "notes"), "TMPDIR": str(tmp)})
        assert done.returncode == 0, done.stderr
        install, command, *around = (folder / "notes").read_text().splitlines()
        assert install.startswith("install -m 0755 -o root -g root") and install.endswith(" /usr/local/bin/nodeboot"), install
        assert re.fullmatch(r"/usr/local/bin/nodeboot node bake --config \S+/bake.toml --set kubernetes.version=1.35", command), \
            command
        assert around == ["bake.toml", "700"], f"beside the config: {around}"
        assert sorted(path.name for path in tmp.iterdir()) == ["config.d"], list(tmp.iterdir())


def main(source):
    bake((source / "packer/nodeboot.pkr.hcl").read_text())
    if not shutil.which("packer", path="/usr/bin:/bin"):
        print("packer is not installed (script/setup)", file=sys.stderr)
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path in source.glob("packer/*"):
            shutil.copy(path, folder)
        fmt = subprocess.run(["packer", "fmt", "-check", "."], cwd=folder, text=True, capture_output=True)
        assert fmt.returncode == 0, f"not formatted: {fmt.stdout}{fmt.stderr}"
        (folder / "plugins.pkr.hcl").unlink()  # it parsed; what it says is too new
        (folder / "nodeboot").write_text("")
        for file, patterns in NEWER.items():
            text = (folder / file).read_text()
            for pattern in patterns:
                text, count = re.subn(pattern, "", text)
                assert count == 1, f"{file} has no {pattern}"
            (folder / file).write_text(text)
        names = re.findall(r'^    "([a-z0-9.-]+)" = \{$', (folder / "nodeboot.pkr.hcl").read_text(), re.M)
        assert len(names) == 4, names
        for distribution, arch in itertools.product(names, ("amd64", "arm64")):
            code, said = validate(folder, distribution=distribution, arch=arch, copy_to='["eu-west-1"]')
            assert code == 0, f"{distribution} {arch}:\n{said}"
        for wrong in ({"distribution": "slackware"}, {"binary": "missing"}, {"config": "missing.toml"},
                      {"volume_gib": "many"}, {"unknown": "x"}):
            code, said = validate(folder, **wrong)
            assert code != 0, f"{wrong} was let pass:\n{said}"
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
