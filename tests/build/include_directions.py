#!/usr/bin/env python3
"""Checks which folder of src/ includes which (docs/architecture.md): a lower layer never knows a higher one."""

import pathlib
import re
import sys

# Each folder may include itself, and these.
MAY_INCLUDE = {
    "base": set(),
    "engine": {"base"},
    "system": {"base", "engine"},
    "net": {"base"},
    "bundle": {"base", "system", "net"},
    "phases": {"base", "engine", "system", "net", "bundle"},
    "launch": {"base", "engine", "net"},
    "cli": {"base", "engine", "system", "net", "bundle", "phases", "launch"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def mistakes(src):
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".cpp", ".hpp") or path.parent == src:
            continue  # main.cpp and version.hpp stand above and below all folders
        folder = path.relative_to(src).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = f"src/{path.relative_to(src)}:{number}"
            included = match.group(1)
            other = included.split("/")[0]
            if folder not in MAY_INCLUDE:
                yield f"{where}: the folder {folder}/ has no row in {pathlib.Path(__file__).name}"
            elif ".." in included.split("/") or not (included == "version.hpp" or "/" in included):
                yield f'{where}: "{included}" is not written from src/ on'
            elif "/" in included and other != folder and other not in MAY_INCLUDE[folder] | {"cloud-init"}:
                allowed = ", ".join(sorted(MAY_INCLUDE[folder])) or "nothing of ours"
                yield f"{where}: {folder}/ may not include {other}/ (it may include: {allowed})"


def main():
    found = list(mistakes(pathlib.Path(sys.argv[1]) / "src"))
    print("\n".join(found) or "all includes go downwards")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
