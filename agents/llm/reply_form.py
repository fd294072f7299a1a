"""Whether a model's answer has the form its `response_format` asks for, or holds something that does.

The one place for all who ask: an answer is looked at, what stands around the JSON in it is taken away when the rest
fits, and only when nothing fits is the model asked once more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from agents.llm.answer import Answer
from agents.llm.pieces import Piece, closing_bracket
from julep_project.core.errors import BadRequest, DomainError
from julep_project.core.json_value import Json
from julep_project.core.reading.outside_json import TooMuchJson, read_json
from julep_project.core.schemas.json_schema import UnusableSchema, find_problem

_LONGEST_PROBLEM = 300
_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)
_BRACKET = re.compile(r"[{\[]")
# Each is checked against the schema.
_MOST_TRIED = 8


class ReplyRejected(DomainError):
    """The model did not answer in the form that was asked for."""

    status = 502
    repeatable = True


class ReplyForm:
    """Holds an answer to the form that was asked for, while it arrives.

    Text that does not begin as JSON is held back until somebody has looked at the whole, so that the model can be
    asked again before anything was told.
    """

    def __init__(self, wanted: Json, *, holds_all: bool = False) -> None:
        """`holds_all`: nothing is told before it was looked at."""
        kind = wanted.get("type") if isinstance(wanted, Mapping) else None
        self._schema: Mapping[str, Json] | None = None
        if kind == "json_object":
            self._schema = {"type": "object"}
        elif kind == "json_schema":
            self._schema = _schema_of(wanted)
        self.is_held_back = self._schema is not None
        """No text was told yet, because it has to be looked at first."""
        self._holds_all = holds_all
        self._has_begun = False
        self._held: list[Piece] = []

    def take(self, pieces: Sequence[Piece]) -> list[Piece]:
        """Those that may be told. Nothing is asked of an answer that calls tools."""
        if not self.is_held_back:
            return list(pieces)
        told: list[Piece] = []
        for piece in pieces:
            if piece.kind == "call" or (piece.kind == "text" and self._begins_as_json(piece.text)):
                told += self.release()
            if self.is_held_back and piece.kind == "text":
                self._held.append(piece)
            else:
                told.append(piece)
        return told

    def release(self) -> list[Piece]:
        """What was held back, to be told as it is."""
        held, self._held, self.is_held_back = self._held, [], False
        return held

    def again(self) -> None:
        """The model is asked once more; nothing is known of its answer."""
        self._held, self._has_begun = [], False

    def settle(self, answer: Answer) -> str | None:
        """What is wrong with the answer, or None. Something that fits, with more around it, becomes its text. What was
        cut off is as it is, and so is a refusal.

        Raises:
            BadRequest: the schema cannot be applied.
        """
        if self._schema is None or answer.calls or answer.is_cut or answer.refusal:
            return None
        text = answer.text
        problem = _problem(self._schema, text)
        if problem is None or not self.is_held_back:
            return problem
        fitting = next((part for part in _json_in(text) if _problem(self._schema, part) is None), None)
        if fitting is None:
            return problem
        answer.text = fitting
        self._held = [Piece("text", fitting)]
        return None

    def _begins_as_json(self, text: str) -> bool:
        begun = text.lstrip()
        is_first, self._has_begun = not self._has_begun, self._has_begun or bool(begun)
        return is_first and not self._holds_all and begun[:1] in ("{", "[")


def objection(said: str, problem: str) -> list[dict[str, Any]]:
    """Messages that ask the model once more: its answer, and what is wrong with it."""
    complaint = f"This answer does not have the requested form: {problem}. Answer again, with nothing but the JSON."
    return [{"role": "assistant", "content": said}, {"role": "user", "content": complaint}]


def rejected(problem: str) -> ReplyRejected:
    """The error after the second answer."""
    return ReplyRejected(f"the model's answer does not have the form of response_format, asked twice: {problem}")


def _schema_of(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    described = wanted.get("json_schema")
    schema = described.get("schema") if isinstance(described, Mapping) else None
    return schema if isinstance(schema, Mapping) else {}


def _problem(schema: Mapping[str, Json], text: str) -> str | None:
    try:
        value = read_json(text)
    except TooMuchJson as error:
        return f"its JSON is too much: {error}"
    except ValueError:
        return "it is not JSON"
    try:
        found = find_problem(schema, value)
    except UnusableSchema as error:
        unusable = BadRequest(f"the schema of response_format cannot be used: {error}")
        unusable.param = "response_format"
        raise unusable from error
    return None if found is None else f"{found.message} (at {found.path})"[:_LONGEST_PROBLEM]


def _json_in(text: str) -> Iterator[str]:
    """What may be the JSON in a text: what stands between fences, and what follows the first brackets."""
    for found in islice(_FENCED.finditer(text), _MOST_TRIED):
        yield found[1].strip()
    start = 0
    for _ in range(_MOST_TRIED):
        bracket = _BRACKET.search(text, start)
        if bracket is None:
            return
        end = closing_bracket(text, bracket.start())
        if end is None:
            start = bracket.end()
        else:
            yield text[bracket.start() : end]
            start = end
