"""Command lines as cobra reads them: --name value, --name=value, -f, unknown flags refused in its words."""
from .errors import UsageError


class Flags:
    """`spec`: {name: kind}, kind "string", "bool" or "list"; `short`: {"f": "force"}."""

    def __init__(self, spec: dict[str, str], short: dict[str, str] | None = None):
        self.spec = spec | {"help": "bool", "v": "string", "rootfs": "string", "log-file": "string",
                            "skip-headers": "bool"}
        self.short = {"h": "help", "v": "v"} | (short or {})

    def parse(self, words: list[str]) -> tuple[dict, list[str]]:
        """({name: value}, positional arguments). Raises UsageError."""
        found: dict = {}
        positional: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "--":
                return found, positional + rest
            if word.startswith("--"):
                name, equal, value = word[2:].partition("=")
                if name not in self.spec:
                    raise UsageError(f"unknown flag: --{name}")
            elif word.startswith("-") and len(word) > 1:
                if word[1] not in self.short:
                    raise UsageError(f"unknown shorthand flag: '{word[1]}' in {word}")
                name, value = self.short[word[1]], word[2:].lstrip("=")
                equal = "=" if value else ""
            else:
                positional.append(word)
                continue
            self._set(found, name, value if equal else None, rest)
        return found, positional

    def _set(self, found: dict, name: str, value: str | None, rest: list[str]) -> None:
        kind = self.spec[name]
        if kind == "bool":
            if value not in (None, "true", "false"):
                raise UsageError(f'invalid argument "{value}" for "--{name}" flag: strconv.ParseBool: parsing '
                                 f'"{value}": invalid syntax')
            found[name] = value != "false"
            return
        if value is None:
            if not rest:
                raise UsageError(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        if kind == "list":
            found.setdefault(name, []).extend(v for v in value.split(",") if v)
        else:
            found[name] = value
