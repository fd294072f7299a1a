"""Text search in any language: by words, by parts of words, with and without accents."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from agents.models import Developer
from docs_store.embedding import embed_due
from docs_store.models import Chunk, Embedding
from docs_store.search import text as text_search
from docs_store.search import upkeep
from docs_store.search.indexing import VERSION
from docs_store.search.language import possible_languages, recognised_languages
from docs_store.search.terms import MOST_TERMS, wanted_by
from julep_project.core.words import folded, joined_words, normal, pairs, words
from tests.api_client import ApiClient

Store = Callable[..., str]

CONTENT = [
    "数据库索引可以提高查询速度",
    "日本語のテスト文書です。東京タワーは高い。",
    "ภาษาไทยไม่มีช่องว่าง",
    "데이터베이스에서 문서를 찾습니다",
    "naïve café, crêpes, jalapeños",
    "The call of foo_bar.baz in src/main/reader.py fails with E-4042 in getUserName, version 2.0.1",
    "Die Aufnahme im Krankenhaus dauert, wenn die Formulare fehlen und der Arzt nicht da ist",
    "De ziekenhuisopname van het kind is niet voor morgen",
    "Ёлка стоит у дома, и дети поют песни",
    "हिन्दी भाषा की किताबें पुस्तकालय में हैं",
    "يقرأ الطالب الكتاب في المكتبة",
    "Τα βιβλία είναι στη βιβλιοθήκη",
    "Büyük şehirlerde yaşayan insanlar için",
    "Alte Häuser",
    "Un cheval",
    "The o\ufb03ce in New\u00a0York is \ufb01lled: infor\u00admation, a ther-\n  mometer, part \u2163 of v2.10.3",
    "\u06a9\u062a\u0627\u0628\u062e\u0627\u0646\u0647 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, "
    "\u091c\u093c\u0930\u0942\u0930\u0940 \u0915\u093e\u092e",
]


@pytest.fixture
def library(doc: Store) -> list[str]:
    """A doc for each of the texts."""
    for number, content in enumerate(CONTENT):
        doc(content, title=chr(ord("A") + number) * 3)
    return CONTENT


def _found(api: ApiClient, agent: str, text: str, lang: str = "en-US", **more: Any) -> list[int]:
    answer = api.post(f"/agents/{agent}/search", {"text": text, "lang": lang, "include_embeddings": False, **more})
    assert answer.status_code == 200, answer.json()
    return [ord(doc["title"][0]) - ord("A") for doc in answer.json()["docs"]]


ASKED = [
    ("索引", "zh", 0), ("怎样提高查询速度？", "en", 0), ("数", "zh", 0), ("東京", "ja", 1), ("東京タワー", "en", 1),
    ('"東京タワー"', "ja", 1), ("ภาษา", "th", 2), ("ภาษา", "en", 2), ("데이터베이스", "ko", 3), ("문서", "ko", 3),
    ("cafe", "en", 4), ("crepes", "fr", 4), ("jalapenos", "es", 4), ("naïve", "en", 4), ("CAFÉ", "pt", 4),
    ("foo_bar", "en", 5), ("bar", "en", 5), ("4042", "en", 5), ("E-4042", "en", 5), ("reader.py", "en", 5),
    ("user name", "en", 5), ("getUserName", "en", 5), ("2.0.1", "en", 5), ("reader", "de", 5),
    ("Krankenhausaufnahme", "de", 6), ("Haus", "de", 6), ("Formular", "de", 6), ("Krankenhäuser", "de", 6),
    ("opname", "nl", 7), ("елки", "ru", 8), ("ребёнок и песня", "ru", 8), ("किताब", "hi", 9), ("كتاب", "ar", 10),
    ("βιβλίο", "el", 11), ("βιβλιο", "el", 11), ("sehir", "tr", 12), ("Haus", "de", 13), ("altem", "de", 13),
    ("chevaux", "fr", 14), ("office", "en", 15), ("york", "en", 15), ("filled", "en", 15), ("information", "en", 15),
    ("thermometer", "en", 15), ("IV", "en", 15), ("2.10.3", "en", 15), ("v2.10.3", "en", 15),
    ("in\u00adformation", "en", 15), ("\u0643\u062a\u0627\u0628\u062e\u0627\u0646\u0647", "ar", 16),
    ("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "fa", 16), ("\u091c\u0930\u0942\u0930\u0940", "hi", 16),
]  # fmt: skip


@pytest.mark.parametrize("exact", [True, False])
def test_texts_are_found_by_their_words(
    api: ApiClient, agent: str, library: list[str], monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    monkeypatch.setattr(text_search, "EXACT_CHUNKS", 1000 if exact else 0)
    missed = [(text, lang, place) for text, lang, place in ASKED if place not in _found(api, agent, text, lang)[:2]]
    assert missed == []
    assert _found(api, agent, "nothing of that sort: quxquux 火山 9999", "en") == []
    assert _found(api, agent, "resume") == []


def test_accents_matter_when_they_are_typed(api: ApiClient, agent: str, doc: Store) -> None:
    doc("a resume of the run", title="A")
    doc("a résumé of the run", title="B")
    doc("another résumé, of a walk", title="C")
    assert set(_found(api, agent, "resume")) == {0, 1, 2}
    assert set(_found(api, agent, "résumé")) == {1, 2}
    assert set(_found(api, agent, "re\u0301sume\u0301")) == {1, 2}


@pytest.mark.parametrize("exact", [True, False])
def test_rare_words_weigh_more(
    api: ApiClient, agent: str, doc: Store, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    monkeypatch.setattr(text_search, "EXACT_CHUNKS", 1000 if exact else 0)
    for number in range(12):
        doc(f"The engine of the ship turns, and the engine of ship {number} hums", title=chr(ord("A") + number))
    doc("A walrus slept", title="M")
    doc("A walrus hums", title="N")
    assert _found(api, agent, "does the engine of a ship wake a walrus that hums?", limit=3)[:2] == [13, 12]
    assert _found(api, agent, '"ship 7" engine') == [7]
    assert _found(api, agent, '"walrus engine" slept')[0] == 12
    assert _found(api, agent, "walrus -slept") == [13]
    assert _found(api, agent, "-walrus") == []
    assert _found(api, agent, "walrus", metadata_filter={"n": 1}) == []


def test_of_large_owners_the_longest_words_are_looked_up(
    api: ApiClient, agent: str, doc: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    doc("an ox", title="A")
    doc("a walrus", title="B")
    assert set(_found(api, agent, "ox walrus")) == {0, 1}
    monkeypatch.setattr(text_search, "EXACT_CHUNKS", 1)
    assert set(_found(api, agent, "ox walrus")) == {0, 1}
    monkeypatch.setattr(text_search, "MOST_BY_INDEX", 1)
    assert _found(api, agent, "ox walrus") == [1]


def test_words_stored_by_a_version_before_are_found_and_renewed(
    api: ApiClient, agent: str, doc: Store, user: str
) -> None:
    doc("Harbours of 東京タワー and the crêpes", title="A")
    doc("Ships", title="B")
    with connection.cursor() as cursor:  # as versions before store them
        cursor.execute(
            "UPDATE docs_store_chunk SET search = to_tsvector('english', content), "
            "search_version = CASE content WHEN 'Ships' THEN 1 ELSE 0 END"
        )
    assert _found(api, agent, "harbour") == [0]
    assert _found(api, agent, "東京") == []
    assert upkeep.renew_words() == 2
    assert upkeep.renew_words() == 0
    assert _found(api, agent, "crepe") == _found(api, agent, "東京") == [0]
    assert not Chunk.objects.exclude(search_version=VERSION).exists()


def test_vectors_of_the_own_model_are_renewed_with_the_words(api: ApiClient, agent: str, settings: Any) -> None:
    assert api.post(f"/agents/{agent}/docs", {"title": "t", "content": "ships"}).status_code == 201
    embed_due()
    stored = Embedding.objects.get()
    of_chunk = {name: getattr(stored, name) for name in ("developer_id", "agent_id", "doc_id", "chunk_id")}
    Embedding.objects.create(**of_chunk, model="other", vector=[1])
    Embedding.objects.filter(model=stored.model).update(vector=[1.0] * 1024)
    Chunk.objects.update(search_version=0)
    assert upkeep.renew_words() == 1
    assert list(Embedding.objects.get(model=stored.model).vector) == list(stored.vector)
    assert list(Embedding.objects.get(model="other").vector) == [1]


def test_statistics_follow_a_bulk_load(unpooled: None, developer: Developer, doc: Store, agent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    upkeep.refresh_statistics()  # what tests before this one have changed
    assert upkeep.refresh_statistics() == []
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO docs_store_chunk (developer_id, agent_id, doc_id, index, content, search) "
            "SELECT %s, %s, %s, n, 'c', '' FROM generate_series(1, 2000) AS n",
            [developer.pk, agent, doc("a")],
        )
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert upkeep.refresh_statistics() == ["docs_store_chunk"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'docs_store_chunk'")
        assert cursor.fetchone()[0] >= 2000
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert upkeep.refresh_statistics() == []


@pytest.mark.parametrize(
    "text",
    ["a" * 30_000, "a1" * 15_000, "-a" * 15_000, "1." * 15_000, "aB_" * 10_000, "\u0301" * 30_000, "a\u0301" * 15_000,
     "中" * 30_000, "中文字" * 10_000, "ก็" * 15_000, "\U00020000" * 30_000, "'" * 30_000, "\\'" * 9_000,
     " ".join(f"w{n}" for n in range(5000)), " ".join(chr(0x4E00 + n) for n in range(15_000)),
     "".join(chr(0x4E00 + n) for n in range(20_000)), "\ufdfa" * 30_000,
     " ".join(f"{n:x}".replace("0", "q") * 3 + "enhaus" for n in range(1500)), "der die das " + "x" * 29_000],
)  # fmt: skip
def test_any_text_can_be_stored_and_searched_for(api: ApiClient, agent: str, doc: Store, text: str) -> None:
    doc(text, title="A")
    for lang in ("en", "de"):
        assert _found(api, agent, text, lang) in ([], [0])
    assert len(wanted_by(normal(text), "german", operators=True).terms) <= MOST_TERMS


def test_words_of_any_script() -> None:
    assert [word.text for word in words("Don't 数据 ภาษา हिन्दी\u200b x_y")] == [
        "Don", "t", "数据", "ภาษา", "हिन्दी", "x", "y",
    ]  # fmt: skip
    assert [folded(word) for word in ("Crêpes", "Straße", "Ёлка", "हिन्दी", "Łódź", "ΒΙΒΛΊΟ")] == [
        "crepes", "strasse", "елка", "हिन्दी", "lodz", "βιβλιο",
    ]  # fmt: skip
    assert list(joined_words("a well-known foo_bar.baz, E-4042 getName.")) == [
        ["foo", "bar", "baz"], ["E", "4042"], ["get", "Name"],
    ]  # fmt: skip
    assert pairs("ภาษา") == ["ภา", "าษ", "ษา"] and pairs("水") == ["水"]


def test_languages_of_texts() -> None:
    def languages(text: str) -> list[str]:
        return recognised_languages(text, list(words(text)))

    def possible(text: str) -> list[str]:
        return possible_languages(text, list(words(text)))

    assert languages("The ship is in the harbour and it rains on all of them today") == []
    assert languages("Das Schiff liegt im Hafen und es regnet auf alle, die nicht im Haus sind") == ["german"]
    assert languages("كتاب") == ["arabic"]
    assert languages("Alte Häuser") == languages("数据库") == languages("") == []
    assert {"german", "french"} < set(possible("Alte Häuser")) and possible("ребёнок") == ["russian", "serbian"]
    assert possible("数据库") == possible("") == possible("x " * 13) == possible("the ship") == []
