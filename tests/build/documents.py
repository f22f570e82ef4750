#!/usr/bin/env python3
"""Checks what the documents (*.md) point at: links and their anchors, files and commands of this tree that they name,
settings, and that decisions have numbers of their own.

What it does not check: addresses elsewhere, and whether a command does what the document says.
"""

import collections
import pathlib
import re
import sys

FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.M)
# A path of this tree as documents write it: the first folder is one of ours.
FOLDERS = "bench|cloud-init|cmake|docs|integration|packer|script|src|tests|third_party"
PATH = re.compile(rf"(?<![\w/.~-])((?:{FOLDERS})/[\w./*+-]*[\w*])")
CASE = re.compile(r"(?:integration/run|ctest)\b[^\n|`]*")
SETTING = re.compile(r"([a-z_]+)\.([a-z_]+)")
MADE = "embedded.hpp"  # headers that a build makes


def documents(root):
    for path in sorted(root.rglob("*.md")):
        first = path.relative_to(root).parts[0]
        if not first.startswith((".", "build")):
            yield path


def slug(heading, seen):
    """As GitHub names a heading: lower case, punctuation dropped, spaces to hyphens, repeats numbered."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
    seen[name] += 1
    return name if seen[name] == 1 else f"{name}-{seen[name] - 1}"


def anchors(path):
    seen = collections.Counter()
    return {slug(heading, seen) for heading in HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))}


def bad_links(path, text, root):
    for match in LINK.finditer(CODE.sub("", FENCE.sub("", text))):
        target = match.group(1) or match.group(2)
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (path.parent / file).resolve() if file else path
        if not to.exists() or not to.is_relative_to(root):
            yield f"link to {target}: no such file"
        elif anchor and (to.suffix != ".md" or anchor not in anchors(to)):
            yield f"link to {target}: no such heading"


def exists(root, name):
    return any(root.glob(name)) if "*" in name else (root / name).exists()


def bad_paths(text, root):
    for name in sorted(set(PATH.findall(re.sub(r"\]\([^)]*\)", "]", text)))):
        if not exists(root, name.rstrip(".")) and not name.endswith(MADE):
            yield f"{name}: there is no such file"
    for line in CASE.findall(text):
        for name in re.findall(r"(?<![\w/])((?:cases|lab_tests|bundles|standin)(?:/[\w.*]+)?)(?![\w/])", line):
            if not exists(root / "integration", name):
                yield f"integration/{name}: there is no such case"


def bad_settings(text, settings):
    sections = {name.split(".")[0] for name in settings}
    for span in CODE.findall(FENCE.sub("", text)):
        match = SETTING.match(span)
        if match and match.group(1) in sections and match.end() == len(span.split(" ")[0].rstrip("=")):
            if match.group(0) not in settings and match.group(2) not in ("toml", "cpp", "hpp", "py", "md", "service", "timer", "conf", "yaml", "json"):
                yield f"{match.group(0)}: there is no such setting"


def mistakes(root):
    settings = set(re.findall(r"^### `([a-z_.]+)`$", (root / "docs/configuration.md").read_text(), re.M))
    assert len(settings) > 50, "docs/configuration.md lists no settings as it used to"
    for path in documents(root):
        text = path.read_text(encoding="utf-8")
        for what in [*bad_links(path, text, root), *bad_paths(text, root), *bad_settings(text, settings)]:
            yield f"{path.relative_to(root)}: {what}"
    numbers = collections.Counter(path.name[:4] for path in (root / "docs/decisions").glob("*.md"))
    yield from (f"docs/decisions: {count} decisions are numbered {number}"
                for number, count in numbers.items() if count > 1)


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    found = list(mistakes(root))
    print("\n".join(found) or "the documents name what is there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
