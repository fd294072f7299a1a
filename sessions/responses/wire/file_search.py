"""Reads a `file_search`: in which documents this server looks, and what of them is found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from docs_store.search.attributes import attribute_condition
from julep_project.core.errors import BadRequest
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import Path, as_object, invalid, not_one_of
from sessions.responses.wire.errors import at
from sessions.responses.wire.keys import keys

MOST_RESULTS = 50
_USUAL_RESULTS = 10
_RANKERS = ("auto", "default-2024-11-15")
_OF_RANKING = keys("ranker", "score_threshold", hybrid_search=())


@dataclass(frozen=True, slots=True)
class FileSearch:
    """What may be found: documents of these vector stores, agents and users whose metadata are `matching`, with at
    least this score from 0 to 1."""

    owner_ids: Sequence[str]
    limit: int
    matching: Q
    least_score: float


def read_file_search(tool: Mapping[str, Json], loc: Path) -> FileSearch:
    """What the tool asks for.

    Raises:
        InvalidInput, BadRequest
    """
    ids = tool.get("vector_store_ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(owner, str) for owner in ids):
        text = "file_search needs vector_store_ids: the ids of vector stores, agents and users that are searched"
        raise at(BadRequest(text), *loc, "vector_store_ids")
    filters = tool.get("filters")
    return FileSearch(
        tuple(dict.fromkeys(ids)),
        _read_limit(tool.get("max_num_results"), (*loc, "max_num_results")),
        attribute_condition(filters, (*loc, "filters")) if filters not in (None, {}) else Q(),
        _read_least_score(tool.get("ranking_options"), (*loc, "ranking_options")),
    )


def _read_limit(limit: Json, loc: Path) -> int:
    if limit is None:
        return _USUAL_RESULTS
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise invalid(loc, "int_type", received=limit)
    if not 1 <= limit <= MOST_RESULTS:
        side = ("greater_than_equal", 1) if limit < 1 else ("less_than_equal", MOST_RESULTS)
        raise invalid(loc, side[0], bound=side[1], received=limit)
    return limit


def _read_least_score(options: Json, loc: Path) -> float:
    given = {} if options is None else as_object(options, loc)
    _OF_RANKING.check(given, loc)
    ranker, score = given.get("ranker"), given.get("score_threshold")
    if ranker is not None and ranker not in _RANKERS:
        raise not_one_of((*loc, "ranker"), _RANKERS, ranker)
    if score is None:
        return 0.0
    loc = (*loc, "score_threshold")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise invalid(loc, "float_type", received=score)
    if not 0 <= score <= 1:
        side = ("greater_than_equal", 0) if score < 0 else ("less_than_equal", 1)
        raise invalid(loc, side[0], bound=side[1], received=score)
    return float(score)
