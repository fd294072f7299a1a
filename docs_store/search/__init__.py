"""Search in docs by words, by vectors, or by both."""

from docs_store.owners import Owner
from docs_store.search.query import SearchQuery, parse_search, parse_search_parameters
from docs_store.search.searching import Found, answer_search, found_to_wire, search

__all__ = [
    "Found",
    "Owner",
    "SearchQuery",
    "answer_search",
    "found_to_wire",
    "parse_search",
    "parse_search_parameters",
    "search",
]
