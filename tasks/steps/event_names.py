"""Names of events: dotted words. Some first words are the platform's own."""

import re

LONGEST_EVENT_NAME = 120
LONGEST_EVENT_KEY = 255
_WORD = r"[A-Za-z0-9_-]++"
EVENT_NAME = rf"(?=[A-Za-z_]){_WORD}(?:\.{_WORD})*+"
# What such a name begins with is told by the platform itself.
RESERVED = ("budget", "connection", "execution", "hook", "job", "julep", "schedule", "session", "task", "webhook")


def problem_of_name(name: object) -> str | None:
    """What is wrong with the name of an event that somebody waits for, or that is to be recorded; None when nothing
    is."""
    if not isinstance(name, str):
        return "the name of an event must be a text"
    if len(name) > LONGEST_EVENT_NAME or not re.fullmatch(EVENT_NAME, name):
        return (
            f"the name of an event must be words of letters, digits, `_` and `-` with dots between them, "
            f"at most {LONGEST_EVENT_NAME} characters"
        )
    first, dot, _ = name.partition(".")
    if dot and first in RESERVED:
        return (
            f"names that begin with `{first}.` are the platform's own: it tells webhooks of them, and records no event"
        )
    return None


def problem_of_key(key: object) -> str | None:
    """What is wrong with the key of an event."""
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_EVENT_KEY:
        return f"the key of an event must be a text of 1 to {LONGEST_EVENT_KEY} characters"
    return None
