"""The statements of text search. Values are parameters; of what was typed, nothing gets into a statement.

Both find `hits`, chunks that have a term, and how many chunks have each, and rank the hits in the same way: Postgres'
rank of each term, weighed by how rare the term is, less for long chunks. A vector may be stored compressed or apart; it
is read once, by adding nothing to it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import BooleanField, F, FloatField, Func, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest

from docs_store.models import Chunk
from docs_store.search.sql import Sql
from docs_store.search.terms import Term, Wanted

# For weights D to A: words without a place, nothing, the chunk, its title. A word that is there once has a rank of 0.61
# times that; Postgres does not look at how the words of a query belong together.
_RANK = "CASE WHEN v @@ {0} THEN ts_rank('{{0.6,0.1,0.6,1}}', v, {0}) * 1.645 ELSE 0 END"
# How much the length of a chunk speaks against it, and the words it takes for that.
_LENGTH_SHARE = 0.4
_SHORT = 15
# With fewer chunks than this, a term is looked for in wider forms, which are worth less.
_FEW = 2
_WIDE_WORTH = 0.3
# What likeness of letters is worth beside a match of all words.
_TRIGRAM_WORTH = 0.1

# Of large owners: how many chunks are looked at for how frequent a term is, how many are taken from the index for all
# terms and at least for each, how many of those are ranked, and how far chunks are counted.
_SAMPLED = 400
_FROM_INDEX = 40_000
_FEWEST_FROM_INDEX = 2000
_RANKED = 1000
_COUNTED = 20_000


class TextStatements:
    """The statements of one search in `chunks`. Their rows are docs, each with its best chunk and the chunk's score."""

    def __init__(self, chunks: "QuerySet[Chunk]", asked: Wanted, wanted: int) -> None:
        self._chunks = chunks.order_by()
        self._terms = asked.terms
        self._numbers = range(len(asked.terms))
        self._excluded = [Sql(f"NOT search @@ ({each.text})", each.parameters) for each in asked.excluded]
        self._wanted = wanted

    def exact(self, text: str, threshold: float | None) -> Sql:
        """Ranks every chunk that has a term, or letters like those of the text."""
        likeness: Any = Value(0.0, output_field=FloatField())
        if threshold is not None:
            likeness = Greatest(_likeness(text, "content"), _likeness(text, "doc__title"))
        either = Sql.joined((form for term in self._terms for form in _all_forms(term)), " || ")
        matching = [Sql(f"search @@ ({either.text})", either.parameters)] if self._terms else []
        if threshold is not None:
            matching.append(Sql("likeness >= %s", (threshold,)))
        matching = [Sql("("), Sql.joined(matching, " OR "), Sql(")")]
        return _with(
            (
                "owned (id, doc_id, search, likeness)",
                _base(self._chunks.annotate(likeness=likeness), "pk", "doc_id", "search", "likeness"),
            ),
            ("sizes", Sql("SELECT count(*)::float8 AS chunks FROM owned")),
            (
                "hits",
                Sql("SELECT id, doc_id, likeness, search || ''::tsvector AS v FROM owned WHERE"),
                *matching,
                *self._without(),
            ),
            *self._ranking([f"count(*) FILTER (WHERE p{n} > 0)" for n in self._numbers]),
            last=self._best(),
        )

    def by_index(self) -> Sql:
        """Ranks what the index gives. How many chunks have a frequent term is guessed from some that are looked at."""
        most = max(_FEWEST_FROM_INDEX, _FROM_INDEX // len(self._terms))
        counted, sample = _base(self._chunks[:_COUNTED], "pk"), _base(self._chunks[:_SAMPLED], "search")
        guessed = f"CASE WHEN n < {most} THEN n ELSE greatest(n, share * chunks) END"
        return _with(
            ("sizes", Sql("SELECT count(*)::float8 AS chunks FROM ("), counted, Sql(") AS c")),
            ("looked_at", Sql("SELECT v || ''::tsvector AS v FROM ("), sample, Sql(") AS c (v)")),
            ("shares (term, share)", Sql.joined(map(self._share, self._numbers), " UNION ALL ")),
            ("plain (term, id)", Sql.joined((self._plain(n, most) for n in self._numbers), " UNION ALL ")),
            ("found (term, id)", Sql.joined([Sql("SELECT term, id FROM plain"), *self._wider()], " UNION ALL ")),
            ("counts", Sql("SELECT term, count(*) AS n FROM plain GROUP BY term")),
            ("guesses", Sql(f"SELECT term, {guessed} AS chunks FROM counts JOIN shares USING (term), sizes")),
            ("worth", Sql("SELECT term, ln(1 + sizes.chunks / g.chunks) AS worth FROM guesses AS g, sizes "
                          "UNION ALL SELECT term, ln(1 + chunks) * 0.3 FROM shares, sizes "
                          "WHERE NOT EXISTS (SELECT FROM guesses WHERE guesses.term = shares.term)")),
            ("nominated", Sql("SELECT id FROM found JOIN worth USING (term) GROUP BY id "
                              f"ORDER BY sum(worth) DESC, id LIMIT {_RANKED}")),
            (
                "hits",
                Sql("SELECT id, doc_id, 0.0::float8 AS likeness, search || ''::tsvector AS v FROM docs_store_chunk "
                    "WHERE id IN (SELECT id FROM nominated)"),
                *self._without(),
            ),
            *self._ranking([f"coalesce((SELECT chunks FROM guesses WHERE term = {n}), 0)" for n in self._numbers]),
            last=self._best(),
        )  # fmt: skip

    def _without(self) -> Iterator[Sql]:
        yield from (Sql(f"AND {each.text}", each.parameters) for each in self._excluded)

    def _share(self, number: int) -> Sql:
        forms = Sql.joined(self._terms[number].forms, " || ")
        return Sql(f"SELECT {number}, avg((v @@ ({forms.text}))::int) FROM looked_at", forms.parameters)

    def _plain(self, number: int, most: int) -> Sql:
        return self._having(number, Sql.joined(self._terms[number].forms, " || "), self._chunks, most)

    def _wider(self) -> Iterator[Sql]:
        """For terms that few chunks have, those that have them in wider forms."""
        for number, term in enumerate(self._terms):
            if term.wide is not None:
                few = RawSQL(
                    f"(SELECT count(*) FROM plain WHERE term = {number}) < {_FEW}", [], output_field=BooleanField()
                )
                yield self._having(number, _wide(term), self._chunks.filter(few), _FEWEST_FROM_INDEX)

    def _having(self, number: int, query: Sql, chunks: "QuerySet[Chunk]", most: int) -> Sql:
        has_it = RawSQL(f"docs_store_chunk.search @@ ({query.text})", query.parameters, output_field=BooleanField())
        found = _base(chunks.filter(has_it)[:most], "pk")
        return Sql(f"(SELECT {number}, id FROM ({found.text}) AS c (id))", found.parameters)

    def _ranking(self, counts: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Ranks `hits` by terms of which so many chunks have each."""
        required = [f"p{n}" for n in self._numbers if self._terms[n].required]
        ranks = [piece for n, term in enumerate(self._terms) for piece in _ranks(n, term)]
        yield "ranked", Sql("SELECT id, doc_id, likeness, length(v)::float8 AS size"), *ranks, Sql("FROM hits")
        facts = ["avg(size) AS average", *(f"{count} AS d{n}" for n, count in enumerate(counts))]
        there = " AND ".join(f"{name} > 0" for name in required) or "true"
        facts.append(f"bool_or({there}) AS any_there")
        yield "counted", Sql(f"SELECT {', '.join(facts)} FROM ranked")
        yield "weighted", Sql("SELECT counted.*"), *map(self._weight, self._numbers), Sql("FROM counted, sizes")
        score = " + ".join(f"i{n} * {self._rank(n)}" for n in self._numbers) or "0"
        whole = " + ".join(f"i{n}" for n in self._numbers) or "1"
        length = f"({1 - _LENGTH_SHARE} + {_LENGTH_SHARE} * (size + {_SHORT}) / (average + {_SHORT}))"
        yield (
            "scored",
            Sql(f"SELECT id, doc_id, likeness, ({score}) / ({whole} + 0.001) / {length} AS score "),
            Sql(f"FROM ranked, weighted WHERE ({there}) OR NOT any_there"),
        )

    def _weight(self, number: int) -> Sql:
        """How much a term says; nothing if it is one of the words that are never stored."""
        forms = Sql.joined(self._terms[number].forms, " || ")
        rarity = f"ln(1 + (greatest(chunks - d{number}, 0) + 0.5) / (d{number} + 0.5))::float8"
        return Sql(f", CASE WHEN numnode({forms.text}) > 0 THEN {rarity} ELSE 0 END AS i{number}", forms.parameters)

    def _rank(self, number: int) -> str:
        if self._terms[number].wide is None:
            return f"p{number}"
        return f"greatest(p{number}, CASE WHEN d{number} < {_FEW} THEN w{number} * {_WIDE_WORTH} ELSE 0 END)"

    def _best(self) -> Sql:
        bounded = f"score / (1 + score) + {_TRIGRAM_WORTH} * likeness"
        return Sql(
            "SELECT doc_id, id, score FROM (SELECT DISTINCT ON (doc_id) doc_id, id, score FROM "
            f"(SELECT doc_id, id, {bounded} AS score FROM scored) AS bounded WHERE score > 0 "
            "ORDER BY doc_id, score DESC, id) AS best ORDER BY score DESC, id LIMIT %s",
            (self._wanted,),
        )


def _with(*steps: tuple[Any, ...], last: Sql) -> Sql:
    """One statement of several steps, each of them done once."""
    named = [
        Sql(f"{name} AS MATERIALIZED ({body.text})", body.parameters)
        for name, body in ((name, Sql.joined(pieces, " ")) for name, *pieces in steps)
    ]
    return Sql.joined([Sql("WITH"), Sql.joined(named, ", "), last], " ")


def _base(chunks: "QuerySet[Any]", *columns: str) -> Sql:
    text, parameters = chunks.values_list(*columns).query.sql_with_params()
    return Sql(text, tuple(parameters))


def _wide(term: Term) -> Sql:
    """The wider forms of a term; none of a word that is never stored."""
    assert term.wide is not None
    forms = Sql.joined(term.forms, " || ")
    return Sql(
        f"CASE WHEN numnode({forms.text}) > 0 THEN {term.wide.text} ELSE ''::tsquery END",
        (*forms.parameters, *term.wide.parameters),
    )


def _all_forms(term: Term) -> Iterator[Sql]:
    yield from term.forms
    if term.wide is not None:
        yield _wide(term)


def _ranks(number: int, term: Term) -> Iterator[Sql]:
    """How well a chunk has a term, and whether in its wider forms."""
    forms = Sql.joined([Sql(_RANK.format(f"({form.text})"), form.parameters * 2) for form in term.forms], ", ")
    yield Sql(f", greatest({forms.text}) AS p{number}", forms.parameters)
    if term.wide is not None:
        wide = _wide(term)
        yield Sql(f", (v @@ ({wide.text}))::int AS w{number}", wide.parameters)


def _likeness(text: str, column: str) -> Any:
    return Func(Value(text), F(column), function="word_similarity", output_field=FloatField())
