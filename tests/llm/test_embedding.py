"""Embeddings over litellm's real HTTP path, against a provider on loopback, and those of our own."""

import asyncio
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from agents.llm import gateway
from agents.models import Developer, ModelUsage
from julep_project.core.errors import DomainError, ModelNotUsable, ModelRefused, ModelUnavailable, RateLimited
from julep_project.devservices.loopback import Reply
from tests.loopback.model_server import EMBEDDING_SIZE, ModelServer, failure
from tests.loopback.vectors import answer_of, vector

pytestmark = pytest.mark.usefixtures("committed_usage")
MODEL = "text-embedding-3-small"
Embed = Callable[..., list[list[float]]]


def embed_async(developer: Developer, texts: Sequence[str], **options: Any) -> list[list[float]]:
    return asyncio.run(gateway.aembed(developer, texts, **options))


@pytest.fixture(params=[gateway.embed, embed_async], ids=["sync", "async"])
def embed(request: Any, settings: Any) -> Embed:
    """Both ways, which promise the same."""
    settings.EMBEDDING_DIMENSIONS = EMBEDDING_SIZE
    function: Embed = request.param
    return function


class TestAnswers:
    def test_one_vector_for_each_text(self, embed: Embed, developer: Developer, model_server: ModelServer) -> None:
        vectors = embed(developer, ["one", "two words"], model=MODEL, metadata={"doc": "d1"})

        assert vectors == [pytest.approx(vector("one")), pytest.approx(vector("two words"))]
        (sent,) = model_server.embeddings
        assert (sent["model"], sent["input"]) == (MODEL, ["one", "two words"])
        assert "dimensions" not in sent
        row = ModelUsage.objects.get()
        assert (row.developer, row.model, row.prompt_tokens, row.completion_tokens) == (developer, MODEL, 3, 0)
        assert row.cost == Decimal("0.000000060")  # 3 x 0.02 dollars per million
        assert (row.estimated, row.custom_api_used, row.metadata) == (False, False, {"tags": ["paid"], "doc": "d1"})

    def test_the_configured_model_is_asked_for_the_configured_length(
        self, embed: Embed, developer: Developer, model_server: ModelServer, settings: Any
    ) -> None:
        settings.EMBEDDING_MODEL, settings.EMBEDDING_DIMENSIONS = MODEL, 20

        (only,) = embed(developer, ["one"], custom_key="sk-own")

        assert len(only) == 20
        assert model_server.embeddings[0]["dimensions"] == 20
        assert model_server.requests[0].headers["authorization"] == "Bearer sk-own"
        assert ModelUsage.objects.get().custom_api_used

    def test_vectors_keep_the_order_of_the_texts(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        body = answer_of([[1.0, 2.0], [3.0, 4.0]], used=2)
        body["data"].reverse()
        model_server.script_embeddings(body)

        assert embed(developer, ["a", "b"], model=MODEL) == [[1.0, 2.0], [3.0, 4.0]]

    def test_many_texts_go_in_batches_and_leave_one_row(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        texts = [f"text {n}" for n in range(200)]

        vectors = embed(developer, texts, model=MODEL)

        assert np.allclose(vectors, [vector(text) for text in texts])
        assert [len(body["input"]) for body in model_server.embeddings] == [96, 96, 8]
        assert ModelUsage.objects.get().prompt_tokens == 400

    def test_long_texts_go_in_smaller_batches(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        embed(developer, ["x" * 200_000] * 3, model=MODEL)

        assert [len(body["input"]) for body in model_server.embeddings] == [1, 1, 1]

    @pytest.mark.parametrize("refusal", [failure(400, "too many"), failure(413, "too large")])
    def test_a_batch_that_is_too_large_is_cut(
        self, embed: Embed, developer: Developer, model_server: ModelServer, refusal: Reply
    ) -> None:
        most = 20
        texts = [f"text {n}" for n in range(100)]

        def answer(body: dict[str, Any]) -> Reply | dict[str, Any]:
            given = body["input"]
            return refusal if len(given) > most else answer_of([vector(text) for text in given], used=1)

        model_server.script_embeddings(*[answer] * 20)
        vectors = embed(developer, texts, model=MODEL)

        assert np.allclose(vectors, [vector(text) for text in texts])
        assert [len(body["input"]) for body in model_server.embeddings][:4] == [96, 48, 24, 12]
        assert len(model_server.embeddings) == 3 + 9
        assert ModelUsage.objects.count() == 1

    def test_tokens_are_counted_where_the_provider_did_not(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        model_server.script_embeddings(answer_of([[1.0, 2.0]]))

        embed(developer, ["It is four."], model=MODEL)

        row = ModelUsage.objects.get()
        assert (row.estimated, row.prompt_tokens) == (True, 4)

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
    @pytest.mark.parametrize("places", [[0, 0, 0], [1, 1, 0], ["b", "a", "c"], [None, 1, 0]])
    def test_numbers_that_name_no_order_change_none(
        self, embed: Embed, developer: Developer, model_server: ModelServer, places: list[Any]
    ) -> None:
        body = answer_of([[1.0], [2.0], [3.0]], used=3)
        model_server.script_embeddings(
            {**body, "data": [{**row, "index": place} for row, place in zip(body["data"], places, strict=True)]}
        )

        assert embed(developer, ["a", "b", "c"], model=MODEL) == [[1.0], [2.0], [3.0]]

    @pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
    @pytest.mark.parametrize("said", ["10", "-5", "1" + "0" * 30, "1e999", "NaN", '"many"', "[1]", "true", "null"])
    def test_no_count_of_tokens_loses_the_vectors(
        self, embed: Embed, developer: Developer, model_server: ModelServer, said: str
    ) -> None:
        """A count that cannot be is as none: the tokens are counted here."""
        body = json.dumps(answer_of([[1.0, 2.0]], used=123_321)).replace("123321", said)
        model_server.script_embeddings(Reply(body=body, headers={"Content-Type": "application/json"}))

        assert embed(developer, ["It is four."], model=MODEL) == [[1.0, 2.0]]
        row = ModelUsage.objects.get()
        assert (row.estimated, row.prompt_tokens) == ((False, 10) if said == "10" else (True, 4))

    def test_nothing_is_asked_without_texts(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        assert embed(developer, [], model=MODEL) == []
        assert not model_server.requests
        assert not ModelUsage.objects.exists()


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "kind", "asked"),
        [
            (429, RateLimited, 1),
            (500, ModelUnavailable, 1),
            *((status, ModelNotUsable, 1) for status in (401, 402, 403, 404)),
        ],
    )
    def test_a_provider_that_does_not(
        self,
        embed: Embed,
        developer: Developer,
        model_server: ModelServer,
        status: int,
        kind: type[DomainError],
        asked: int,
    ) -> None:
        model_server.script_embeddings(*[failure(status, "not like this", **{"Retry-After": "60"})] * 5)

        with pytest.raises(kind, match="not like this"):
            embed(developer, ["a", "b", "c"], model=MODEL)

        assert len(model_server.requests) == asked
        assert not ModelUsage.objects.exists()

    def test_a_text_the_provider_does_not_take(
        self, embed: Embed, developer: Developer, model_server: ModelServer
    ) -> None:
        model_server.most_texts = 0

        with pytest.raises(ModelRefused, match="input array"):
            embed(developer, ["a", "b", "c", "d"], model=MODEL)

        assert [len(body["input"]) for body in model_server.embeddings] == [4, 2, 1]

    @pytest.mark.parametrize(
        "answer",
        [
            answer_of([[1.0, 2.0]]),
            answer_of([[1.0, 2.0]] * 3),
            answer_of([[1.0, 2.0], [1.0]]),
            answer_of([[1.0, float("nan")], [1.0, 2.0]]),
            answer_of([[1.0, float("inf")], [1.0, 2.0]]),
            answer_of([[1.0, None], [1.0, 2.0]]),
            answer_of([["a", "b"], ["c", "d"]]),
            answer_of([[], []]),
            answer_of(["AACAPw==", "AACAPw=="]),
            answer_of([[1.0, 1e39], [1.0, 2.0]]),
            answer_of([[1.0, 10**400], [1.0, 2.0]]),
            answer_of([]),
            {"object": "list"},
            {**answer_of([]), "data": [1, 2]},
            {**answer_of([]), "data": [None, None]},
            {**answer_of([]), "data": [[1.0, 2.0], [1.0, 2.0]]},
            {**answer_of([]), "data": "ab"},
            {**answer_of([]), "data": {"a": 1, "b": 2}},
            Reply(body="not json"),
            Reply(raw=[]),
        ],
        ids=(
            "too-few too-many ragged nan inf null texts empty base64 too-large too-long none no-data numbers nulls "
            "lists text object no-json closed"
        ).split(),
    )
    def test_what_are_no_vectors(
        self, embed: Embed, developer: Developer, model_server: ModelServer, answer: Any
    ) -> None:
        model_server.script_embeddings(answer)

        with pytest.raises(ModelUnavailable):
            embed(developer, ["a", "b"], model=MODEL)
        assert not ModelUsage.objects.exists()

    @pytest.mark.parametrize("options", [{}, {"model": MODEL, "dimensions": 3}])
    def test_vectors_of_another_length(
        self, embed: Embed, developer: Developer, model_server: ModelServer, settings: Any, options: dict[str, Any]
    ) -> None:
        settings.EMBEDDING_MODEL, settings.EMBEDDING_DIMENSIONS = MODEL, 3
        model_server.script_embeddings(answer_of([[1.0, 2.0]]))

        with pytest.raises(ModelRefused, match="vectors of 2 numbers, wanted are 3"):
            embed(developer, ["a"], **options)

    def test_no_answer_in_time(self, embed: Embed, developer: Developer, model_server: ModelServer) -> None:
        model_server.script_embeddings(Reply(delay_s=3))

        with pytest.raises(ModelUnavailable):
            embed(developer, ["a"], model=MODEL, timeout_s=0.3)

    @pytest.mark.parametrize("model", ["http://127.0.0.1/", "no-such-model", "offline/echo"])
    def test_a_model_that_is_none(self, embed: Embed, developer: Developer, model: str) -> None:
        with pytest.raises(DomainError) as caught:
            embed(developer, ["a"], model=model)
        assert caught.value.status == 400


class TestOffline:
    def test_without_a_model_the_offline_hashing_embeds(
        self, embed: Embed, developer: Developer, settings: Any
    ) -> None:
        settings.EMBEDDING_MODEL = ""

        vectors = embed(developer, ["one", "two"])

        assert [len(vector) for vector in vectors] == [1024, 1024]
        row = ModelUsage.objects.get()
        assert (row.model, row.cost, row.estimated) == ("offline/hashing", Decimal(0), False)
        assert row.prompt_tokens > 0

    def test_it_has_one_length(self, embed: Embed, developer: Developer) -> None:
        with pytest.raises(ModelRefused, match="1024"):
            embed(developer, ["one"], model="offline/hashing", dimensions=8)
