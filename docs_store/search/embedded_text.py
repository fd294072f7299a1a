"""What is embedded of texts: with what some models want before them."""

from django.conf import settings

from docs_store.models import Chunk


def query_text(text: str, instruction: str | None = None) -> str:
    """What is embedded of a text that is searched with, by an instruction of its own or the model's."""
    return _instructed(text, instruction or settings.EMBEDDING_QUERY_INSTRUCTION)


def passage_text(chunk: Chunk) -> str:
    """What is embedded of a chunk: its doc's title and itself, by the doc's instruction or the model's."""
    text = f"{chunk.doc.title}\n\n{chunk.content}"
    return _instructed(text, chunk.doc.embed_instruction or settings.EMBEDDING_PASSAGE_INSTRUCTION)


def _instructed(text: str, instruction: str | None) -> str:
    """What is embedded of a text: the instruction stands before it."""
    return f"{instruction}{'' if instruction[-1].isspace() else ' '}{text}" if instruction else text
