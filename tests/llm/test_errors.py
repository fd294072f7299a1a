"""Every exception of the client library has its place among ours."""

import inspect

import litellm.exceptions
import pytest

from agents.llm.errors import MAPPING, to_domain_error
from agents.llm.keys.key_names import ALL_KEY_NAMES
from julep_project.core.errors import ModelUnavailable
from tests.api_client import ApiClient


def library_exceptions() -> list[type[Exception]]:
    found = vars(litellm.exceptions).values()
    return [thing for thing in found if inspect.isclass(thing) and issubclass(thing, Exception)]


@pytest.mark.parametrize("kind", library_exceptions(), ids=lambda kind: kind.__name__)
def test_each_is_named_in_the_mapping(kind: type[Exception]) -> None:
    assert kind.__name__ in MAPPING


def test_the_mapping_names_nothing_the_library_does_not_have() -> None:
    assert set(MAPPING) == {kind.__name__ for kind in library_exceptions()}


def test_a_new_kind_is_judged_by_its_ancestors() -> None:
    kind = type("NewLimit", (litellm.exceptions.RateLimitError,), {})

    error = to_domain_error(kind("slow down", "openai", "gpt-4o"))

    assert isinstance(error, ModelUnavailable)
    assert error.retryable and "slow down" in error.message


@pytest.mark.parametrize("front", ["", "RateLimitError: ", "RateLimitError: OpenAIException - ", "APITimeoutError - "])
def test_names_of_the_library_are_not_told(front: str) -> None:
    error = to_domain_error(litellm.exceptions.RateLimitError(f"{front}slow down: Error: 9", "openai", "gpt-4o"))
    assert error is not None and error.message == "slow down: Error: 9"


def test_bugs_are_not_dressed_up() -> None:
    assert to_domain_error(KeyError("x")) is None
    assert to_domain_error(TypeError("x")) is None


@pytest.mark.parametrize(
    "said",
    [
        'boom\nTraceback (most recent call last):\n  File "/srv/engine/run.py", line 7, in <module>',
        "cannot open /home/someone/models/weights.bin",
        "CUDA error in /usr/lib/python3/site-packages/engine/core",
        r"C:\Engine\run.exe has stopped",
    ],
)
def test_the_insides_of_a_providers_machine_stay_in_the_log(said: str, caplog: pytest.LogCaptureFixture) -> None:
    error = to_domain_error(litellm.exceptions.InternalServerError(said, "openai", "gpt-4o"))
    assert error is not None
    assert error.message == "the model provider failed; what it said is in the log of this server"
    assert said.split()[-1] in caplog.records[-1].__dict__["text"]


@pytest.mark.parametrize("said", ["Invalid URL (POST /v1/chat/completions)", "see https://x.example/home/keys"])
def test_addresses_are_no_insides(said: str) -> None:
    error = to_domain_error(litellm.exceptions.InternalServerError(said, "openai", "gpt-4o"))
    assert error is not None and said in error.message


@pytest.mark.django_db
@pytest.mark.parametrize("model", ["gpt-4.1-mini", "claude-sonnet-4-5", "gemini/gemini-2.5-flash"])
def test_where_a_key_is_missing_it_is_said_where_to_put_it(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name in ALL_KEY_NAMES:
        monkeypatch.delenv(name, raising=False)
    answer = api.post("/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "llm_bad_request")
    assert "X-Custom-Api-Key" in error["message"]
