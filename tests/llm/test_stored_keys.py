"""Keys of providers that developers keep as secrets."""

import asyncio
import inspect
import logging
import os
from types import SimpleNamespace
from typing import Any

import litellm
import pytest

from agents.llm import gateway
from agents.llm.choice import DEFAULT_MODELS
from agents.llm.key_choice import choose_key
from agents.llm.keys import stored
from agents.llm.keys.key_names import ALL_KEY_NAMES, KEY_NAMES
from agents.models import Developer, ModelUsage
from agents.vault.errors import SecretNotReadable
from agents.vault.models import Secret
from agents.vault.services import create_secret, delete_secret, replace_secret
from julep_project.core.errors import ModelNotUsable, RateLimited
from julep_project.core.process import remembered
from tests.backend import MASTER_KEY
from tests.loopback.model_server import ModelServer, failure

MODEL = "gpt-4o-mini"
KEY = "sk-tide-4711"
ASKED: Any = [{"role": "user", "content": "What is two and two?"}]


@pytest.fixture(autouse=True)
def master_key(settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = MASTER_KEY


def keep(developer: Developer, value: str = KEY, name: str = "OPENAI_API_KEY") -> Secret:
    stored.forget_keys()
    return create_secret(developer=developer, values={"name": name, "value": value})


def ask(developer: Developer, **more: Any) -> None:
    gateway.complete(developer, model=MODEL, messages=ASKED, **more)


def keys_sent(server: ModelServer) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in server.requests]


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "openai_api_key"])
def test_a_developers_key_comes_before_the_servers(
    developer: Developer, stranger: Developer, model_server: ModelServer, name: str, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    keep(developer, f" {KEY}\n", name)
    keep(developer, "sk-other", "ANTHROPIC_API_KEY")
    ask(developer)
    gateway.embed(developer, ["two"], model="text-embedding-3-small", dimensions=3)
    ask(stranger)
    ask(developer, custom_key="sk-sent-along")
    assert keys_sent(model_server) == [KEY, KEY, "sk-loopback-key", "sk-sent-along"]
    rows = ModelUsage.objects.order_by("created_at", "id")
    assert [row.custom_api_used for row in rows] == [True, True, False, True]
    assert KEY not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_developers_key_in_async_code(model_server: ModelServer) -> None:
    developer = Developer.objects.get()
    secret = keep(developer)

    async def ask_all() -> None:
        for _ in range(2):
            await gateway.acomplete(developer, model=MODEL, messages=ASKED)
            stored.forget_keys()
        async for _chunk in gateway.astream(developer, model=MODEL, messages=ASKED):
            pass
        await gateway.aembed(developer, ["two"], model="text-embedding-3-small", dimensions=3)

    asyncio.run(ask_all())
    assert keys_sent(model_server) == [KEY] * 4
    assert all(row.custom_api_used for row in ModelUsage.objects.all())
    delete_secret(developer=developer, secret_id=secret.pk)


def test_a_changed_key_acts_within_two_seconds(
    developer: Developer, model_server: ModelServer, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    """And in between nothing is asked of the database, whether there is one or not."""
    now = 1000.0
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=lambda: now))
    with django_assert_num_queries(1):
        assert not any(choose_key(developer, MODEL, None).is_callers for _ in range(3))
    secret = create_secret(developer=developer, values={"name": "OPENAI_API_KEY", "value": "sk-first"})
    ask(developer)
    now += 2.0
    ask(developer)
    replace_secret(developer=developer, secret_id=secret.pk, values={"name": "OPENAI_API_KEY", "value": "sk-second"})
    now += 2.0
    ask(developer)
    delete_secret(developer=developer, secret_id=secret.pk)
    now += 2.0
    ask(developer)
    assert keys_sent(model_server) == ["sk-loopback-key", "sk-first", "sk-second", "sk-loopback-key"]


def test_what_is_remembered_is_sealed_and_bounded(
    developer: Developer, stranger: Developer, monkeypatch: Any, model_server: ModelServer
) -> None:
    monkeypatch.setattr(stored._kept, "_most", 1)
    keep(developer)
    ask(developer)
    kept = stored.known_keys(developer.pk)
    assert kept and KEY not in str([vars(row) for row in kept.values()])
    ask(stranger)
    assert stored.known_keys(developer.pk) is None and stored.known_keys(stranger.pk) == {}


def test_one_tenants_limit_at_a_provider_holds_nobody_else(
    developer: Developer, stranger: Developer, model_server: ModelServer
) -> None:
    keep(developer)
    model_server.script(failure(429, "slow down", **{"Retry-After": "60"}))
    for _ in range(2):
        with pytest.raises(RateLimited) as raised:
            ask(developer)
    assert not raised.value.is_sent and KEY not in str(raised.value)
    ask(stranger)
    assert keys_sent(model_server) == [KEY, "sk-loopback-key"]


def test_the_servers_key_never_stands_in_for_one_that_cannot_be_used(
    developer: Developer, model_server: ModelServer, settings: Any
) -> None:
    secret = keep(developer, "two\nlines")
    with pytest.raises(ModelNotUsable, match="The secret OPENAI_API_KEY is not a key") as raised:
        ask(developer)
    assert "lines" not in str(raised.value).replace("OPENAI_API_KEY", "")
    replace_secret(developer=developer, secret_id=secret.pk, values={"name": "OPENAI_API_KEY", "value": KEY})
    settings.SECRETS_MASTER_KEY = MASTER_KEY[::-1]
    stored.forget_keys()
    with pytest.raises(SecretNotReadable):
        ask(developer)
    assert model_server.requests == []


def test_a_refused_key_is_not_told(developer: Developer, model_server: ModelServer, caplog: Any) -> None:
    keep(developer)
    model_server.script(failure(401, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(ModelNotUsable) as raised:
        ask(developer)
    assert KEY not in str(raised.value) + caplog.text


def test_secrets_of_agents_are_for_their_tools(developer: Developer, model_server: ModelServer, api: Any) -> None:
    agent = api.post("/agents", {"name": "Ada"}).json()
    assert api.post(f"/agents/{agent['id']}/secrets", {"name": "OPENAI_API_KEY", "value": KEY}).status_code == 201
    ask(developer)
    assert keys_sent(model_server) == ["sk-loopback-key"]


def test_the_table_has_the_names_of_the_library(monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN"))]:
        monkeypatch.delenv(name)
    sources = "".join(inspect.getsource(module) for module in (litellm.main, litellm.utils))
    known = {getattr(each, "value", each) for each in litellm.provider_list}
    unknown = []
    for provider, names in KEY_NAMES.items():
        assert provider in known
        for name in names:
            monkeypatch.setenv(name, "found")
            _, found, key, _ = litellm.get_llm_provider(model=f"{provider}/some-model")
            assert found == provider
            if key != "found" and f'"{name}"' not in sources:
                unknown.append((provider, name))
            monkeypatch.delenv(name)
    assert unknown == []
    assert set(DEFAULT_MODELS) <= ALL_KEY_NAMES
