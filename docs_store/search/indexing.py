"""What is stored of a chunk for text search: one vector of Postgres that holds every form a word may be searched by.

- the words of title and chunk in their English forms, where Postgres' own parser finds them;
- the same in the forms of the language the text is in, or may be in;
- without accents, what has some; the parts of what is written as one (`foo_bar.baz`, `E-4042`); and what is broken at
  the end of a line, as one word;
- pieces of two characters, of scripts without blanks;
- the ends of long words, of languages that write several words as one, marked as such.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db.models.expressions import RawSQL

from docs_store.search.language import COMPOUNDING, DEFAULT_CONFIGURATION, possible_languages, recognised_languages
from docs_store.search.sql import Sql
from julep_project.core.words import (
    Word,
    broken_words,
    characters,
    dotted_numbers,
    folded,
    joined_words,
    normal,
    pairs,
    words,
)

# Stored with each vector. Those of version 0 hold the English words alone, those of 1 nothing of words that were typed
# in an unusual way.
VERSION = 2

_VECTOR = "to_tsvector(%s::regconfig, %s)"

END_MARK = "/"
LONG_WORD = 9
SHORTEST_END = 4
_LONGEST_WORD = 40
# What Postgres can tell apart, and about as much as fits beside the words.
_LAST_POSITION = 16_383
_POSITIONS = 30
_LARGEST_BYTES = 400_000


def search_vector(title: str, content: str) -> Any:
    """An expression for the vector of a chunk."""
    vector = vector_sql(title, content)
    return RawSQL(vector.text, vector.parameters, output_field=SearchVectorField())


def vector_sql(title: str, content: str) -> Sql:
    """The vector of a chunk; words of the title weigh more."""
    texts = [(normal(title), "A"), (normal(content), "B")]
    spoken = [list(words(text)) for text, _ in texts]
    everything = " ".join(text for text, _ in texts), [word for each in spoken for word in each]
    recognised, possible = recognised_languages(*everything), possible_languages(*everything)
    vectors: list[Sql] = []
    for found, (text, weight) in zip(spoken, texts, strict=True):
        forms = " ".join(_other_forms(text, found))
        for each in (text, forms):
            if each or each is text:
                vectors += _vectors_of(each, weight, recognised, possible)
    if pieces := _pieces(
        list(zip(spoken, "AB", strict=True)), compounding=not COMPOUNDING.isdisjoint([*recognised, *possible])
    ):
        vectors.append(Sql("%s::tsvector", (pieces,)))
    return Sql.joined(vectors, " || ")


def _vectors_of(text: str, weight: str, recognised: Sequence[str], possible: Sequence[str]) -> Iterator[Sql]:
    """The words in English, what other languages make of them that English does not, and, without their places, what
    they may be in still others."""
    english = (DEFAULT_CONFIGURATION, text)
    yield Sql(f"setweight({_VECTOR}, '{weight}')", english)
    for name in recognised:
        yield Sql(f"setweight(ts_delete({_VECTOR}, tsvector_to_array({_VECTOR})), '{weight}')", (name, text, *english))
    yield from (Sql(f"strip({_VECTOR})", (name, text)) for name in possible)


def _other_forms(text: str, spoken: Sequence[Word]) -> Iterator[str]:
    """The words that Postgres would not find in a text."""
    for word in spoken:
        if not word.unspaced and not word.text.isascii():
            plain = folded(word.text)
            if plain != word.text.lower():
                yield plain
    for found in joined_words(text):
        yield from (plain for part in found if len(plain := folded(part)) > 1)
    small = text.lower()
    yield from (number for number in dotted_numbers(text) if f"v{number}" in small)
    yield from map(folded, broken_words(text))


def _pieces(found: Sequence[tuple[Sequence[Word], str]], *, compounding: bool) -> str:
    """The pieces of words, with their places, as Postgres reads a vector. They hold letters and marks only."""
    places: dict[str, list[str]] = defaultdict(list)
    place = size = 0
    for spoken, weight in found:
        for word in spoken:
            for piece in _pieces_of(word, compounding=compounding):
                place += 1
                size += 0 if piece in places else len(piece.encode())
                if size > _LARGEST_BYTES:
                    break
                if len(places[piece]) < _POSITIONS:
                    places[piece].append(f"{min(place, _LAST_POSITION)}{weight}")
    return " ".join(f"'{piece}':{','.join(at)}" for piece, at in places.items())


def _pieces_of(word: Word, *, compounding: bool) -> Iterator[str]:
    if word.unspaced:
        single = characters(word.text)
        yield from pairs(single)
        if len(single) > 1:
            yield single[-1]
    elif compounding and LONG_WORD <= len(word.text) <= _LONGEST_WORD:
        plain = folded(word.text)
        yield from (END_MARK + plain[start:] for start in range(3, len(plain) - SHORTEST_END + 1))
