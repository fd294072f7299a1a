"""Fixtures of the model tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.llm import gateway
from agents.llm.choice import DEFAULT_MODELS
from agents.models import Agent, Developer, ModelUsage
from julep_project.env import _file_values
from tests.loopback.model_server import ModelServer

gateway.warm()  # before a test module imports the library, which would then look for prices on the network


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider key in the environment, whatever the machine has."""
    for variable in DEFAULT_MODELS:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.setitem(_file_values(), variable, "")  # type: ignore[arg-type]


@pytest.fixture
def committed_usage(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Async code writes usage on connections of its own; those rows are all it leaves. To be used before `db`."""
    yield
    with django_db_blocker.unblock():
        ModelUsage.objects.all().delete()


@pytest.fixture
def sdk_model(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model that the library asks, by OpenAI's SDK."""
    monkeypatch.setenv("LM_STUDIO_API_BASE", model_server.api_base)
    monkeypatch.setenv("LM_STUDIO_API_KEY", "sk-loopback-key")
    return "lm_studio/tide"


@pytest.fixture
def agent(developer: Developer) -> Agent:
    """An agent that is not stored."""
    return Agent(developer=developer, name="Ada", model="", default_settings={})
