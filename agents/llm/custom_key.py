"""The caller's own key for a model provider, sent along with a request."""

from collections.abc import Mapping

from julep_project.core.errors import BadRequest

HEADER = "X-Custom-Api-Key"
_LONGEST = 4096


def custom_key_of(headers: Mapping[str, str]) -> str | None:
    """The key in the headers of a request (whose look-up ignores case, as Django's does); None without one.

    Raises:
        BadRequest: a provider could not be sent this as a key.
    """
    key = headers.get(HEADER, "").strip()
    if key and not is_key(key):
        raise BadRequest(f"{HEADER} is not a key")
    return key or None


def is_key(text: str) -> bool:
    """A provider could be sent this as a key."""
    return 0 < len(text) <= _LONGEST and text.isascii() and text.isprintable()
