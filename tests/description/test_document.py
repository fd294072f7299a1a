"""The document as a whole."""

from drf_spectacular.drainage import GENERATOR_STATS

from julep_project.core.api.api_document import openapi_document


def test_nothing_is_complained_of_while_it_is_made() -> None:
    """Of two answers whose classes have one name only one would be described."""
    assert openapi_document()
    assert not GENERATOR_STATS, "see what is printed on stderr"
