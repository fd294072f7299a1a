"""`deploy/compose.yaml` and `deploy/Dockerfile` as Docker reads them, so that tests can check and follow them."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy"
_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service with everything merged and every variable put in."""

    name: str
    body: Mapping[str, Any]

    @property
    def is_ours(self) -> bool:
        return "build" in self.body

    @property
    def environment(self) -> dict[str, str]:
        """What `environment` says; what comes from `env_file` is the same for all."""
        return {name: str(value) for name, value in self.body.get("environment", {}).items()}

    @property
    def command(self) -> list[str]:
        """Its own command, else the one of our image."""
        given = self.body.get("command")
        return read_image().command if given is None else shlex.split(given)

    @property
    def health_command(self) -> list[str]:
        """What its health check runs."""
        test = self.body["healthcheck"]["test"]
        return ["/bin/sh", "-c", test] if isinstance(test, str) else test[1:]

    @property
    def queues(self) -> list[str]:
        """Queues it takes messages from."""
        option = "--queues="
        return [name for part in self.command if part.startswith(option) for name in part[len(option) :].split(",")]

    @property
    def mounts(self) -> dict[str, str]:
        """Volumes by where they are mounted."""
        return {place: volume for volume, place in (mount.split(":") for mount in self.body.get("volumes", []))}


def read_services(variables: Mapping[str, str]) -> dict[str, Service]:
    """All services by name.

    Raises:
        KeyError: a variable that must be set is not among `variables`.
    """
    return {name: Service(name, _filled(body, variables)) for name, body in document()["services"].items()}


@cache
def document() -> dict[str, Any]:
    """The file with its merges done and its variables left as they are."""
    read: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return read


def asked_variables() -> dict[str, bool]:
    """Variables the file asks the operator for; True for those it cannot do without."""
    found = _VARIABLE.finditer((FOLDER / "compose.yaml").read_text())
    return {match[1]: match[2] == "?" for match in found if match[1]}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, variables) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, variables) for each in value]
    return _VARIABLE.sub(lambda match: _value(match, variables), value) if isinstance(value, str) else value


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, kind, rest = match.groups()
    if name is None:
        return "$"
    given = variables.get(name, "")
    if not given and kind == "?":
        raise KeyError(f"{name}: {rest}")
    return given or (rest if kind == "-" else "")


@dataclass(frozen=True)
class Image:
    """What the Dockerfile says."""

    lines: tuple[tuple[str, str], ...]

    @property
    def copies(self) -> dict[str, str]:
        """Paths of the checkout by where they go below the working folder."""
        pairs = (rest.split() for word, rest in self.lines if word == "COPY")
        return {target.removesuffix("/").removeprefix("./") or ".": source for source, target in pairs}

    @property
    def environment(self) -> dict[str, str]:
        parts = [part for word, rest in self.lines if word == "ENV" for part in shlex.split(rest)]
        return dict(part.split("=", 1) for part in parts)

    @property
    def command(self) -> list[str]:
        """What runs in a container that says nothing else."""
        command: list[str] = json.loads(self.only("CMD"))
        return command

    def only(self, word: str) -> str:
        """The argument of an instruction that stands there once."""
        (rest,) = (rest for found, rest in self.lines if found == word)
        return rest

    def index(self, word: str, *, having: str = "") -> int:
        """Where the first such instruction stands."""
        return next(number for number, (found, rest) in enumerate(self.lines) if found == word and having in rest)


@cache
def read_image() -> Image:
    """The Dockerfile, its long lines joined and its comments left out."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", (FOLDER / "Dockerfile").read_text()))
    pairs = (line.split(None, 1) for line in text.splitlines() if line.strip())
    return Image(tuple((word, rest) for word, rest in pairs))
