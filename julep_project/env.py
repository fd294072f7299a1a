"""Typed readers of environment variables. Each fails loudly, naming the variable and what it wants.

`.julep/env` (written by `manage.py up`) supplies what the environment leaves out, so that a second
terminal reaches the same services and keys as the running server.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

PROJECT_ROOT = Path(__file__).resolve().parent.parent
_TRUE = {"1", "true", "yes", "on"}
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_FALSE = {"0", "false", "no", "off", ""}
# The client library of the providers reads variables of its own, named like this.
PROVIDER_ENDINGS = ("_API_KEY", "_API_BASE", "_BASE_URL")

_MOST_DAYS = 36_500


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


_names_read: set[str] = set()


def env_str(name: str, default: str = "") -> str:
    """The variable, else the line of `.julep/env`, else the default. Empty, it gives the default: no line of the file
    counts then."""
    return _given(name) or default


def _given(name: str) -> str | None:
    """The text of the variable, else of its line in the file; None when neither is there."""
    _names_read.add(name)
    value = os.environ.get(name)
    return _file_values().get(name) if value is None else value


def given_values() -> dict[str, str]:
    """What the installation gives for each variable this process has read: empty for what is left to its default.

    Keys and addresses of providers are there, read or not, if they are given.
    """
    file = _file_values()
    names = {*_names_read, *(name for name in (*os.environ, *file) if name.endswith(PROVIDER_ENDINGS))}
    values = {name: os.environ.get(name, file.get(name, "")) for name in names}
    return {name: value for name, value in values.items() if value or not name.endswith(PROVIDER_ENDINGS)}


def is_providers(name: str) -> bool:
    """Whether a variable may be the key or the address of a provider: the server's own key is none."""
    return name.endswith(PROVIDER_ENDINGS) and name != "AGENTS_API_KEY"


def hand_on(is_wanted: Callable[[str], bool]) -> None:
    """Put lines of `.julep/env` into the environment, for a library that reads variables of its own."""
    for name, value in _file_values().items():
        if is_wanted(name):
            os.environ.setdefault(name, value)


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


def env_choice(name: str, choices: Sequence[str]) -> str:
    """One of the words, the first of which is the default."""
    text = env_str(name, choices[0]).strip().lower()
    if text not in choices:
        raise InvalidSetting(f"{name} must be one of {', '.join(choices)}; it is {text!r}")
    return text


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


def env_decimal(name: str, default: str) -> Decimal:
    """An amount from 0, such as `2.50`."""
    text = env_str(name, default).strip()
    amount = Decimal(text) if _AMOUNT.fullmatch(text) else None
    if amount is None:
        raise InvalidSetting(f"{name} must be an amount such as 2.50; it is {text!r}")
    return amount


def env_decimal_or_unknown(name: str, default: str) -> Decimal | None:
    """The same; `unknown` for no amount."""
    return None if env_str(name, default).strip() == "unknown" else env_decimal(name, default)


def env_list(name: str, default: str = "") -> list[str]:
    """Comma separated texts, blanks dropped. A variable that is set and empty means none, whatever the default."""
    given = _given(name)
    return [part.strip() for part in (default if given is None else given).split(",") if part.strip()]


def env_days(name: str) -> dict[str, int]:
    """Comma separated numbers of days from 1, each behind a name: `runs=90, calls=365`."""
    days: dict[str, int] = {}
    for part in env_list(name):
        key, _, number = (text.strip() for text in part.partition("="))
        if not key or not number.isascii() or not number.isdecimal() or not 1 <= int(number[:6]) <= _MOST_DAYS:
            raise InvalidSetting(f"{name} must be a list like `runs=90, calls=365`; {part!r} is no part of one")
        days[key] = int(number)
    return days


def env_ints(name: str, default: Sequence[int]) -> tuple[int, ...]:
    """Comma separated whole numbers from 0, as many as the default has."""
    text = env_str(name).strip()
    parts = [part.strip() for part in text.split(",")] if text else [str(number) for number in default]
    if len(parts) != len(default) or not all(part.isascii() and part.isdecimal() for part in parts):
        raise InvalidSetting(f"{name} must be {len(default)} whole numbers with commas between; it is {text!r}")
    return tuple(map(int, parts))


def env_addresses(name: str) -> dict[str, str]:
    """A JSON object of web addresses by name, such as `{"brave": "https://proxy.example.com/brave"}`."""
    text = env_str(name).strip()
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(_is_web_address(address) for address in found.values()):
        raise InvalidSetting(
            f"{name} must be a JSON object of web addresses without query, such as "
            '{"brave": "https://proxy.example.com/brave"}'
        )
    return {key: address.rstrip("/") for key, address in found.items()}


def env_commands(name: str) -> dict[str, list[str]]:
    """A JSON object of commands by name, each a list of the program and its arguments."""
    text = env_str(name).strip()
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(_is_command(command) for command in found.values()):
        raise InvalidSetting(
            f"{name} must be a JSON object of lists of texts, such as "
            '{"files": ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/srv/files"]}'
        )
    return found


def _is_command(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(part, str) and "\0" not in part for part in value)


def _is_web_address(value: object) -> bool:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        return bool(
            parts
            and parts.scheme in ("http", "https")
            and parts.hostname
            and parts.port != 0
            and parts.geturl() == f"{parts.scheme}://{parts.netloc}{parts.path}"
        )
    except ValueError:
        return False


def env_url(name: str) -> str:
    """The origin of a web address, such as `https://agents.example.com`; empty if it is not set."""
    text = env_str(name).strip().rstrip("/")
    parts = urlsplit(text)
    if text and (
        parts.scheme not in ("http", "https") or not parts.hostname or text != f"{parts.scheme}://{parts.netloc}"
    ):
        raise InvalidSetting(
            f"{name} must be an address without a path, such as https://agents.example.com; it is {text!r}"
        )
    return text
