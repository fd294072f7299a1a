"""What a text asks for: terms of which any counts, phrases, and words that must not be there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docs_store.search.indexing import END_MARK, LONG_WORD, SHORTEST_END
from docs_store.search.language import (
    COMPOUNDING,
    DEFAULT_CONFIGURATION,
    is_function_word,
    recognised_languages,
)
from docs_store.search.sql import Sql
from julep_project.core.words import Word, characters, dotted_numbers, folded, joined_words, normal, pairs, words

# The longest of more terms are searched for: they tend to be rare.
MOST_TERMS = 48
_MOST_PHRASES = 32
_LONGEST_PHRASE = 40
# Shorter words are the beginning of too many others.
_SHORTEST_BEGINNING = 5
# A run of so many characters is taken for one word, a longer one for several.
_WORD_CHARACTERS = 4
_ITEM = re.compile(r'(?P<without>(?<!\S)-(?=["\w]))?(?:"(?P<phrase>[^"]*)"|(?P<plain>[^\s"]+)|")')


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase as queries of Postgres.

    A chunk has the term when it matches one of `forms`. When next to none do, those that match `wide` will do too. A
    `required` term must be there, unless no chunk has it.
    """

    forms: tuple[Sql, ...]
    wide: Sql | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a text asks for."""

    terms: tuple[Term, ...]
    excluded: tuple[Sql, ...] = ()


def wanted_by(text: str, configuration: str, *, operators: bool) -> Wanted:
    """The terms of a text in the language of `configuration`, or the one it is recognised to be in.

    With `operators`, `"a phrase"`, `-word` and `or` mean what people mean by them; otherwise they are text like other.
    """
    text = normal(text)
    spoken = list(words(text))
    languages = _Languages.of(configuration, recognised_languages(text, spoken))
    if not operators:
        return Wanted(tuple(_terms(languages, text)))
    plain, phrases, excluded = _read(text)
    return Wanted(
        (*(_phrase(languages, phrase) for phrase in phrases), *_terms(languages, " ".join(plain))),
        tuple(languages.phrase(each) for each in excluded),
    )


def _read(text: str) -> tuple[list[str], list[str], list[str]]:
    """The words, the phrases that must be there, and what must not. With an `or`, no phrase must."""
    plain: list[str] = []
    phrases: dict[str, None] = {}
    excluded: dict[str, None] = {}
    either = False
    for item in _ITEM.finditer(text):
        said = item["phrase"] or item["plain"] or ""
        if item["without"]:
            if next(words(said), None):
                excluded[said] = None
        elif item["phrase"] and next(words(said), None):
            phrases[said] = None
        elif said.casefold() != "or":
            plain.append(said)
        else:
            either = True
    required = [] if either else list(phrases)[:_MOST_PHRASES]
    return [*plain, *phrases], required, list(excluded)[:_MOST_PHRASES]


@dataclass(frozen=True, slots=True)
class _Languages:
    """The configurations a text is read by. English is always one: the words of every chunk are stored by it."""

    spoken: tuple[str, ...]
    all: tuple[str, ...]

    @classmethod
    def of(cls, configuration: str, recognised: Sequence[str]) -> "_Languages":
        spoken = dict.fromkeys([configuration, *recognised])
        return cls(tuple(spoken), tuple(dict.fromkeys([*spoken, DEFAULT_CONFIGURATION])))

    def word(self, word: str) -> tuple[Sql, ...]:
        return tuple(Sql("plainto_tsquery(%s::regconfig, %s)", (name, word)) for name in self.all)

    def beginning(self, word: str) -> tuple[Sql, ...]:
        return tuple(Sql("to_tsquery(%s::regconfig, %s)", (name, f"'{word}':*")) for name in self.all)

    def phrase(self, text: str) -> Sql:
        """Words one after the other, and the pieces of those of scripts without blanks."""
        spaced = [word.text for word in words(text) if not word.unspaced][:_LONGEST_PHRASE]
        either = [Sql("phraseto_tsquery(%s::regconfig, %s)", (name, " ".join(spaced))) for name in self.all if spaced]
        runs = [_piece_query(word.text, " <-> ") for word in words(text) if word.unspaced][:_LONGEST_PHRASE]
        both = [Sql(f"({one.text})", one.parameters) for one in (Sql.joined(either, " || "), *runs) if one.text]
        return Sql.joined(both, " && ")

    def is_function_word(self, word: str) -> bool:
        return is_function_word(word, self.spoken)


def _terms(languages: _Languages, text: str) -> list[Term]:
    """The terms of a text, each once; the longest, if they are many."""
    found: dict[str, Term] = {}
    for number in dotted_numbers(text):
        found[number] = Term(languages.word(number))
    numbers = {part for number in found for part in number.split(".")}
    joined = {part for parts in joined_words(text) for part in parts if len(part) > 1}
    for word in [*words(text), *(Word(part, False) for part in sorted(joined))]:
        if word.unspaced:
            found.update(_run_terms(word.text))
        elif (key := word.text.casefold()) not in found and not (key in numbers or languages.is_function_word(key)):
            found[key] = _word_term(languages, key)
    longest = sorted(found, key=len, reverse=True)[:MOST_TERMS]
    return [found[key] for key in longest]


def _word_term(languages: _Languages, word: str) -> Term:
    plain = folded(word)
    wide = [*languages.word(plain)] if plain != word else []
    if len(plain) >= _SHORTEST_BEGINNING and plain.isalpha():
        wide += languages.beginning(word)
    if len(plain) >= SHORTEST_END and plain.isalpha():
        wide.append(_literal([f"'{END_MARK}{plain[: max(SHORTEST_END, len(plain) - 2)]}':*"], ""))
    if len(plain) > LONG_WORD and not COMPOUNDING.isdisjoint(languages.spoken):
        wide.append(_literal([f"'{part}'" for part in dict.fromkeys(_halves(plain))], " | "))
    return Term(languages.word(word), Sql.joined(wide, " || ") if wide else None)


def _halves(word: str) -> Iterator[str]:
    """What a word that was put together may have been put together from."""
    for cut in range(SHORTEST_END, len(word) - SHORTEST_END + 1):
        yield word[:cut]
        yield word[cut:]


def _run_terms(run: str) -> dict[str, Term]:
    """A short run is a word that has all of its pieces, or some when it has next to no matches."""
    single = characters(run)
    if len(single) == 1:
        return {run: Term((_literal([f"'{run}':*"], ""),))}
    if len(single) <= _WORD_CHARACTERS:
        return {run: Term((_piece_query(run, " & "),), _piece_query(run, " | ") if len(single) > 2 else None)}
    return {piece: Term((_literal([f"'{piece}'"], ""),)) for piece in pairs(single)}


def _phrase(languages: _Languages, phrase: str) -> Term:
    return Term((languages.phrase(phrase),), required=True)


def _piece_query(run: str, between: str) -> Sql:
    return _literal([f"'{piece}'" for piece in pairs(run)[:_LONGEST_PHRASE]], between)


def _literal(lexemes: Sequence[str], between: str) -> Sql:
    """A query of lexemes as they are stored. They hold letters and marks only, nothing that would need quoting."""
    return Sql("%s::tsquery", (between.join(lexemes),))
