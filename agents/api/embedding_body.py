"""What vectors are made of: texts, or numbers of tokens as clients of OpenAI count them."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from julep_project.core.json_value import Json
from julep_project.core.reading.fields import Body, Example, Text
from julep_project.core.reading.serializer_errors import wrong
from julep_project.core.reading.surface import Surface, honoured, sent

MOST_TEXTS = 2048
# As many as OpenAI takes in one request.
MOST_TOKENS = 300_000
_MOST_DIMENSIONS = 2**16
_LONGEST_ID = 1024

EMBEDDINGS = Surface(
    "Embeddings",
    "POST /v1/embeddings",
    published=("openai.types.embedding_create_params:EmbeddingCreateParams",),
    parameters=(
        sent("input", "Tokens as numbers go on to OpenAI as they are; for others they are read as `cl100k_base`."),
        honoured("model", "Without it `EMBEDDING_MODEL`, else `offline/hashing`."),
        sent("dimensions", "Refused where the vectors do not come with as many."),
        honoured("encoding_format"),
        sent("user", "To OpenAI; for other providers it is refused."),
    ),
)

Inputs = Sequence[str] | Sequence[list[int]]


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "integer"}},
            {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        ]
    }
)
class EmbeddingInput(serializers.Field[Any, Any, Any, Any]):
    """A text, texts, the tokens of a text as numbers, or those of several."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "value_error": "Input should be text, a list of texts, or tokens as whole numbers: all of one kind.",
        "empty": "Input should not be empty.",
    }

    def to_internal_value(self, data: Json) -> list[Any]:
        """A list of texts, or of lists of tokens."""
        if data is None or data in ("", []):
            raise wrong("value_error", text=str(self.error_messages["empty"]))
        inputs = [data] if isinstance(data, str) or _are_tokens(data) else data
        if not isinstance(inputs, list):
            self.fail("value_error")
        if len(inputs) > MOST_TEXTS:
            raise wrong("value_error", text=f"Input should have at most {MOST_TEXTS} texts.")
        is_one = _is_text if isinstance(inputs[0], str) else _are_tokens
        for place, one in enumerate(inputs):
            if not is_one(one):
                raise wrong("value_error", place, text=self._problem(one))
        if is_one is _are_tokens and sum(map(len, inputs)) > MOST_TOKENS:
            raise wrong("value_error", text=f"Input should have at most {MOST_TOKENS} tokens.")
        return inputs

    def _problem(self, one: Json) -> str:
        return str(self.error_messages["empty" if one in ("", []) else "value_error"])


def _is_text(one: Json) -> bool:
    return isinstance(one, str) and bool(one)


def _are_tokens(one: Json) -> bool:
    return isinstance(one, list) and bool(one) and all(type(token) is int and token >= 0 for token in one)


class EmbeddingsBody(Body):
    """How vectors are made."""

    surface = EMBEDDINGS
    example = Example(model="offline/hashing", input=["When is high tide?"])

    model = Text(required=False, max_length=255)
    input = EmbeddingInput()
    encoding_format = serializers.ChoiceField(["float", "base64"], default="float")
    dimensions = serializers.IntegerField(required=False, min_value=1, max_value=_MOST_DIMENSIONS)
    user = Text(required=False, max_length=_LONGEST_ID)
