"""A process that only renders templates and evaluates expressions for another one.

`python -m tasks.expressions.apart.evaluator SECONDS`

It reads requests from its standard input and writes answers to its standard output until the input ends. A request
that takes more processor time than it was started with ends it.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import BinaryIO

import orjson

from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import written_in_pieces
from tasks.expressions.apart import standstill
from tasks.expressions.errors import EvaluationError, ExpressionError
from tasks.expressions.expression import compile_expression
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template

LENGTH_BYTES = 8


def frame(message: Json) -> bytes:
    """A message as it goes through a pipe: its length, then JSON."""
    try:
        text = orjson.dumps(message)
    except TypeError:
        # Whole numbers beyond 64 bits, halves of surrogate pairs.
        text = written_in_pieces(message).encode()
    return len(text).to_bytes(LENGTH_BYTES, "big") + text


def length_of(head: bytes | bytearray) -> int | None:
    """The length that a message begins with; None when it is not all there yet."""
    return int.from_bytes(head[:LENGTH_BYTES], "big") if len(head) >= LENGTH_BYTES else None


def body_of(message: bytes | bytearray) -> Json:
    """What a whole message says."""
    return json.loads(message[LENGTH_BYTES:])


def _read(source: BinaryIO) -> Json | None:
    length = length_of(source.read(LENGTH_BYTES))
    return None if length is None else json.loads(source.read(length))


def answer(request: Mapping[str, Json]) -> dict[str, Json]:
    """Render the template of a request, or evaluate its expressions. The answer says how much of the budget is left."""
    budget = Budget(request["fuel"], request["size"], request["cpu_seconds"])
    values: list[Json] = []
    try:
        if "expressions" in request:
            for source in request["expressions"]:
                values.append(compile_expression(source).evaluate(request["scope"], budget))
            told: dict[str, Json] = {"values": values}
        else:
            told = {"text": compile_template(request["template"]).render(request["scope"], budget)}
    except ExpressionError as error:
        kind = error.type if isinstance(error, EvaluationError) else type(error).__name__
        told = {"error": {"message": error.message, "type": kind, "line": error.line, "at": len(values)}}
    return {**told, "left": [budget.fuel, budget.size, budget.cpu_seconds]}


def main() -> None:
    """Answer until the other end of the pipe is closed; it decides when this process ends, not a signal to all."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    standstill.prepare(float(sys.argv[1]))
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What anything else prints must not pass for an answer.
    os.dup2(2, 1)
    while (request := _read(source)) is not None:
        with standstill.timed():
            told = frame(answer(request))
        sink.write(told)
        sink.flush()


if __name__ == "__main__":
    main()
