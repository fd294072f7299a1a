"""Typed readers of environment variables. Each fails loudly, naming the variable and what it wants.

`.julep/env` (written by `manage.py up`) supplies what the environment leaves out, so that a second
terminal reaches the same services and keys as the running server.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class InvalidSetting(ValueError):
    """An environment variable has a value that cannot be used."""


def state_dir() -> Path:
    """Folder of the embedded services, keys and logs: `JULEP_HOME`, else `.julep` in the project."""
    return Path(os.environ.get("JULEP_HOME") or PROJECT_ROOT / ".julep")


def parse_env_file(text: str) -> dict[str, str]:
    """Read `NAME=value` lines; blank lines and `#` comments are passed over."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            values[name.strip()] = value.strip()
    return values


@cache
def _file_values() -> Mapping[str, str]:
    path = state_dir() / "env"
    try:
        return parse_env_file(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}


def env_str(name: str, default: str = "") -> str:
    """The variable, else the line of `.julep/env`, else the default. An empty variable counts as unset."""
    return os.environ.get(name) or _file_values().get(name) or default


def env_secret(name: str, default: str = "") -> str:
    """Like `env_str`; a separate name so that secrets are easy to find."""
    return env_str(name, default)


def env_bool(name: str, default: bool = False) -> bool:
    """`1 true yes on` or `0 false no off`."""
    text = env_str(name).strip().lower()
    if not text:
        return default
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidSetting(f"{name} must be one of 1, true, yes, on, 0, false, no, off; it is {text!r}")


def env_int(name: str, default: int, *, low: int | None = None, high: int | None = None) -> int:
    """A whole number within the bounds."""
    text = env_str(name).strip()
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        raise InvalidSetting(f"{name} must be a whole number; it is {text!r}") from None
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidSetting(f"{name} must be between {low} and {high}; it is {number}")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    """Comma separated texts, blanks dropped."""
    return [part.strip() for part in env_str(name, default).split(",") if part.strip()]
