"""The glossary names what the code has."""

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).parents[2]
APPS = ("agents", "docs_store", "sessions", "tasks", "executions")
LINE = re.compile(r"^\| (?P<word>[^|]+) \| [^|]+ \| `(?P<place>[\w.]+)` \|$", re.MULTILINE)
LINES = LINE.findall((ROOT / "docs" / "glossary.md").read_text())


@pytest.mark.parametrize("place", sorted({place for _, place in LINES}))
def test_each_place_exists(place: str) -> None:
    module, _, name = place.rpartition(".")
    found = import_module(module)
    assert hasattr(found, name) or import_module(place)


def test_each_word_is_there_once() -> None:
    words = Counter(word for line, _ in LINES for word in line.split(", "))
    assert len(LINES) > 50
    assert [word for word, count in words.items() if count > 1] == []


def test_each_stored_model_has_a_line() -> None:
    words = {word.replace(" ", "").lower() for line, _ in LINES for word in line.split(", ")}
    models = [model for model in apps.get_models() if model.__module__.split(".")[0] in APPS]
    known = {"storedresponse": "response"}
    assert [name for model in models if known.get(name := model.__name__.lower(), name) not in words] == []
