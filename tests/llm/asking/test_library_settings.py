"""What the client library would do of its own accord is off, and the docs say what that is."""

from pathlib import Path

import litellm
import pytest

from agents.llm.providers.library_settings import SWITCHED_OFF, SWITCHED_OFF_CONSTANTS, switch_off
from agents.llm.providers.provider import library

DOCS = (Path(__file__).parents[3] / "docs" / "models.md").read_text()


@pytest.mark.parametrize("name", [*SWITCHED_OFF, *SWITCHED_OFF_CONSTANTS])
def test_it_is_set_whatever_it_was_and_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target, off = (litellm, SWITCHED_OFF) if name in SWITCHED_OFF else (litellm.constants, SWITCHED_OFF_CONSTANTS)
    monkeypatch.setattr(target, name, "something else")  # fails for a name that the library does not have
    switch_off(litellm, litellm.constants)
    assert getattr(target, name) == off[name].value
    assert f"| `{name}` | {off[name].why} |" in DOCS


def test_it_is_off_from_the_first_question_on() -> None:
    library()
    assert SWITCHED_OFF["REPEATED_STREAMING_CHUNK_LIMIT"].value == litellm.REPEATED_STREAMING_CHUNK_LIMIT
