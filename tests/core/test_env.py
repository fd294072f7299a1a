"""What the readers of the environment make of values: set, empty, and not set."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from julep_project import env


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file that supplies what the environment leaves out."""
    monkeypatch.setenv("JULEP_HOME", str(tmp_path))
    env._file_values.cache_clear()
    yield tmp_path / "env"
    env._file_values.cache_clear()


def test_a_list_that_is_set_and_empty_has_nothing(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.env_list("SOME_LIST", "*") == ["*"]

    monkeypatch.setenv("SOME_LIST", "")
    assert env.env_list("SOME_LIST", "*") == []

    monkeypatch.setenv("SOME_LIST", " a, ,b ")
    assert env.env_list("SOME_LIST", "*") == ["a", "b"]


def test_an_empty_line_of_the_file_counts_as_well(env_file: Path) -> None:
    env_file.write_text("SOME_LIST=\n")

    assert env.env_list("SOME_LIST", "*") == []


@pytest.mark.parametrize("value", ["", "own"])
def test_the_environment_wins_over_the_file_even_when_it_is_empty(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    env_file.write_text("SOME_TEXT=of the file\nSOME_SWITCH=1\nSOME_LIST=a\n")
    for name in ("SOME_TEXT", "SOME_LIST"):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SOME_SWITCH", "")

    assert env.env_str("SOME_TEXT", "default") == (value or "default")
    assert env.env_list("SOME_LIST") == ([value] if value else [])
    assert env.env_bool("SOME_SWITCH") is False


def test_keys_and_addresses_of_all_providers_may_stand_in_the_file(env_file: Path) -> None:
    env_file.write_text("GROQ_API_KEY=of the file\nHOSTED_VLLM_API_BASE=of the file\nAGENTS_API_KEY=of the file\n")
    with patch.dict(os.environ, {"GROQ_API_KEY": ""}):
        os.environ.pop("AGENTS_API_KEY", None)
        env.hand_on(env.is_providers)
        assert os.environ["HOSTED_VLLM_API_BASE"] == "of the file"
        assert os.environ["GROQ_API_KEY"] == "", "the environment wins"
        assert "AGENTS_API_KEY" not in os.environ
