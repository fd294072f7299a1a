"""Chunks of a length that is asked for, each with the end of the one before."""

import pytest

from docs_store.extraction.limits import CHARACTERS_PER_TOKEN, LONGEST_CHUNK, MOST_CHUNK_TOKENS
from docs_store.extraction.messages import of_line, to_line
from tests.extraction.reading import chunks_of, told_of

WORDS = " ".join(f"word{number}" for number in range(2000))


@pytest.mark.parametrize(("size", "overlap"), [(400, 0), (400, 80), (400, 200), (3200, 1600), (16_384, 8192)])
def test_each_begins_with_the_end_of_the_one_before(size: int, overlap: int) -> None:
    texts = [text for text, _ in chunks_of(WORDS.encode(), "txt", chunk_characters=size, overlap_characters=overlap)]
    assert max(map(len, texts)) <= size + 1 and len(texts) >= len(WORDS) // size
    bodies = [text.rpartition("\n")[2] for text in texts]
    assert " ".join(bodies) == WORDS
    for before, text in zip(bodies, texts[1:], strict=False):
        begun = text.rpartition("\n")[0]
        assert len(begun) <= overlap and before.endswith(begun) and bool(begun) == bool(overlap)
        assert not overlap or before.removesuffix(begun)[-1:] in (" ", ""), "words are whole"


def test_nothing_is_carried_over_from_page_to_page() -> None:
    """A reader that begins at a later part knows nothing of those before."""
    parts = [b"x" * 60_000 + b"\n\n" + b"y" * 10_000, b"z" * 10_000]
    content, options = b"\n\n".join(parts), {"chunk_characters": 4000, "overlap_characters": 2000}
    whole = [one for one in told_of(content, "txt", **options) if one["say"] == "read"]
    assert len(whole) == 2
    (last,) = [one for one in told_of(content, "txt", start=1, **options) if one["say"] == "read"]
    assert last == whole[1]


def test_long_chunks_are_few_in_a_message() -> None:
    """So that no message is larger than whoever listens takes."""
    size = MOST_CHUNK_TOKENS * CHARACTERS_PER_TOKEN
    content = ("\u00e9" * 15 + " ") * 40_000
    said = told_of(content.encode(), "txt", chunk_characters=size)
    for message in said:
        assert of_line(to_line(message).rstrip(b"\n")) == message
        assert len(message.get("chunks", ())) <= 100 * 1500 // size
    assert max(len(chunk["text"]) for one in said for chunk in one.get("chunks", ())) <= LONGEST_CHUNK
