"""What stands for a secret in the arguments of a call until it is made.

An expression that names a secret is evaluated long before, and its result is stored. So it gets a mark: a text that
nobody can guess, and that means something in this one call only. What data holds is never taken for a secret.
"""

import secrets
from collections.abc import Iterable, Mapping

from agents.tools.secret_names import with_texts
from agents.vault.masking import label_of
from julep_project.core.json_value import Json

_RANDOM_BYTES = 16


def marks_for(names: Iterable[str]) -> dict[str, str]:
    """A new mark for each name."""
    wanted = sorted(names)
    nonce = secrets.token_hex(_RANDOM_BYTES) if wanted else ""
    return {name: f"<secret {nonce} {number}>" for number, name in enumerate(wanted)}


def replaced(value: Json, texts: Mapping[str, str]) -> Json:
    """The value with the text of each mark in its place."""
    if not texts:
        return value

    def change(text: str) -> str:
        for mark, written in texts.items():
            text = text.replace(mark, written)
        return text

    return with_texts(value, change)


def shown(value: Json, names: Mapping[str, str]) -> Json:
    """The value as anybody may see it; `names` are those of the secrets by mark."""
    return replaced(value, {mark: label_of(name) for mark, name in names.items()})


def as_references(value: Json, names: Mapping[str, str]) -> Json:
    """The value with references in the place of marks, as a definition would have them."""
    return replaced(value, {mark: f"{{secrets.{name}}}" for mark, name in names.items()})
