"""What the readers of the environment make of values: set, empty, and not set."""

from collections.abc import Iterator
from pathlib import Path

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
