"""The conformance suite of the protocol, as a program of Node: what it demands of a revision, and what passed."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

# Where `.ci/clients` puts it.
_NODE = Path(__file__).parents[2] / ".julep" / "clients" / "node" / "node_modules"
_PACKAGE = _NODE / "@modelcontextprotocol" / "conformance"
_SCENARIO = re.compile(r"^(?P<mark>[✓✗]) (?P<name>[\w/.-]+): \d+ passed, \d+ failed", re.MULTILINE)
_LONGEST_S = 120
# Of one scenario.
_PATIENCE_MS = 60_000

Side = Literal["server", "client"]


def is_installed() -> bool:
    return _PACKAGE.exists() and (_NODE.parent / "installed").exists()


def version() -> str:
    found = re.search(r'"version": "([^"]+)"', (_PACKAGE / "package.json").read_text())
    assert found is not None
    return found[1]


def required(side: Side, revision: str) -> set[str]:
    """The scenarios that whoever conforms to the revision passes."""
    demanded: Mapping[str, Any] = yaml.safe_load((_PACKAGE / "requirements" / f"{revision}.yaml").read_text())
    return set(demanded[side])


def run(side: Side, revision: str, results: Path, *options: str) -> dict[str, bool]:
    """Which scenarios of a revision passed; those that it does not demand are among them."""
    asked = [str(_NODE / ".bin" / "node"), str(_PACKAGE / "dist" / "index.js"), side, *options]
    asked += ["--requirements", revision, "--output-dir", str(results), "--timeout", str(_PATIENCE_MS)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_LONGEST_S)
    _, _, summary = done.stdout.partition("SUMMARY ===")
    assert summary, done.stderr[-2000:]
    return {found["name"]: found["mark"] == "✓" for found in _SCENARIO.finditer(summary)}
