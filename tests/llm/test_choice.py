"""Which model answers."""

import os
import subprocess
import sys
from typing import Any

import pytest

from agents.llm.choice import DEFAULT_MODELS, list_models, resolve_embedding_model, resolve_model
from agents.models import Agent
from tests.llm.test_tokens import MODELS


def make_agent(own: str = "", **default_settings: Any) -> Agent:
    return Agent(name="Ada", model=own, default_settings=default_settings)


def test_the_most_particular_name_wins(settings: Any) -> None:
    settings.DEFAULT_MODEL = "of-the-server"

    assert resolve_model("asked", make_agent("of-the-agent", model="default")) == "asked"
    assert resolve_model(None, make_agent("of-the-agent", model="default")) == "default"
    assert resolve_model("", make_agent("of-the-agent", model=None)) == "of-the-agent"
    assert resolve_model(None, make_agent()) == "of-the-server"
    assert resolve_model(None) == "of-the-server"


def test_without_a_key_the_offline_echo_answers(settings: Any) -> None:
    settings.DEFAULT_MODEL = ""

    assert resolve_model(None, make_agent()) == "offline/echo"


@pytest.mark.parametrize(("variable", "model"), DEFAULT_MODELS.items())
def test_with_a_key_its_provider_answers(
    settings: Any, monkeypatch: pytest.MonkeyPatch, variable: str, model: str
) -> None:
    settings.DEFAULT_MODEL = ""
    monkeypatch.setenv(variable, "key")

    assert resolve_model(None, make_agent()) == model
    assert resolve_model("offline/echo", make_agent()) == "offline/echo"


def test_the_list(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEFAULT_MODEL, settings.MODELS = "b", ["a", "b"]
    monkeypatch.setenv("OPENAI_API_KEY", "key")

    assert list_models() == ["a", "b", DEFAULT_MODELS["OPENAI_API_KEY"], "offline/echo"]


def test_a_callers_own_key_may_be_one_of_any_provider(settings: Any) -> None:
    settings.DEFAULT_MODEL, settings.MODELS = "", ["a"]

    assert list_models("sk-own") == ["a", *DEFAULT_MODELS.values(), "offline/echo"]


def test_the_model_that_embeds(settings: Any) -> None:
    settings.EMBEDDING_MODEL = "of-the-server"

    assert resolve_embedding_model("asked") == "asked"
    assert resolve_embedding_model(None) == "of-the-server"
    settings.EMBEDDING_MODEL = ""
    assert resolve_embedding_model(None) == "offline/hashing"


def test_default_models_have_a_known_price() -> None:
    import litellm

    assert [name for name in DEFAULT_MODELS.values() if name not in litellm.model_cost] == []


@pytest.mark.slow
def test_neither_importing_the_library_nor_counting_tokens_opens_a_connection() -> None:
    """In a process of its own: what is at hand is kept once it was used."""
    code = f"""
import socket

def refuse(*args, **options):
    raise SystemExit(f"network: {{args}}")

socket.socket.connect = socket.getaddrinfo = refuse
import django
django.setup()
from agents.llm import gateway
from agents.llm.tokens import context_window, count_tokens
import sys
asked = [dict(role="user", content="hello")]
assert count_tokens("offline/echo", asked) > 0
assert "litellm" not in sys.modules, "imported too early"
gateway.warm()
assert len(sys.modules["litellm"].model_cost) > 1000
for model in {MODELS!r}:
    assert count_tokens(model, asked) > 0, model
    context_window(model)
"""
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "", "TIKTOKEN_CACHE_DIR": ""}

    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)

    assert (result.returncode, result.stdout) == (0, ""), result.stderr
