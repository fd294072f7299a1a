"""What follows an answer of a model: tools are run and it is asked again, or it is done. Plain data, no I/O, so that
chats, responses and the pure steps of tasks go by the same rules."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agents.llm.pieces import NO_ARGUMENTS
from julep_project.core.json_value import Json
from julep_project.core.reading.jsontext import to_json_text
from julep_project.core.reading.outside_json import TooMuchJson, read_json

Call = Mapping[str, Json]
Message = dict[str, Json]

# Why a provider stops a model that was not done.
CUT_SHORT = frozenset({"length", "content_filter"})
_LONGEST_VALUE_SHOWN = 200
# An escaped half of a character, with its other half, or without; or any other escape.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
_FENCE = "```"
_LANGUAGE = re.compile(r"\w*")
# An escape that JSON has, or else a backslash. Longer arguments are not mended.
_BACKSLASH = re.compile(r'(\\["\\/bfnrtu])|(\\)')
_LONGEST_MENDED = 200_000


class UnreadableArguments(ValueError):
    """A call's arguments cannot be read."""


@dataclass(frozen=True, slots=True)
class Move:
    """What to do now: `run` calls here, hand others to the `client`, and then ask again, or not.

    `is_too_much`: the model calls tools where it had to answer; none of them is run.
    """

    run: Sequence[Call] = ()
    client: Sequence[Call] = ()
    asks_again: bool = False
    is_too_much: bool = False


@dataclass(slots=True)
class Dialogue:
    """What one model is asked, round after round. `tool_choice` is that of the first question; `obeyed`, what it
    becomes when it was obeyed."""

    messages: list[Mapping[str, Json]]
    most_rounds: int
    tool_choice: Json = None
    obeyed: Json = "auto"
    rounds: int = 0

    @property
    def choice(self) -> Json:
        """For the next question. A call that was forced is not forced again, and the last question allows none."""
        if self.rounds >= self.most_rounds:
            return "none"
        return self.obeyed if self.rounds and self.tool_choice not in (None, "none") else self.tool_choice

    def follow(self, calls: Sequence[Call], *, is_cut: bool, is_clients: Callable[[Call], bool]) -> Move:
        """What follows an answer with these calls. One that was cut off runs none: the last may lack its end."""
        run: list[Call] = []
        client: list[Call] = []
        for call in calls:
            (client if is_clients(call) else run).append(call)
        if is_cut:
            return Move(client=client)
        if run and self.rounds >= self.most_rounds:
            return Move(client=client, is_too_much=True)
        return Move(run, client, asks_again=bool(run) and not client)

    def go_on(self, message: Mapping[str, Json], results: Sequence[Mapping[str, Json]]) -> None:
        """Ask with the answer, and with what its calls gave, next."""
        self.messages = [*self.messages, message, *results]
        self.rounds += 1


def asking_message(message: Mapping[str, Json]) -> Message:
    """A model's message as it goes back to it, with what it thought, where its provider wants to see that again."""
    told = {"role": "assistant", "content": message.get("content"), "tool_calls": message.get("tool_calls")}
    thoughts = message.get("thinking_blocks")
    return {**told, "thinking_blocks": thoughts} if thoughts else told


def result_message(call: Call, text: str) -> Message:
    """What a call gave, as the model is told."""
    return {"role": "tool", "tool_call_id": call["id"], "content": text}


def completed(call: Call, preset: Callable[[dict[str, Json]], Json], write: Callable[[Json], str]) -> dict[str, Json]:
    """The call as the client gets it: with preset arguments, which the model was not offered."""
    try:
        given = arguments_of(call)
    except UnreadableArguments:
        return dict(call)
    arguments = preset(given)
    if arguments == given:
        return dict(call)
    return {**call, "function": {**call["function"], "arguments": write(arguments)}}


def _without_halves(text: str) -> str:
    """JSON text in which no half of a character stands alone, as it is or escaped."""
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text) if "\\u" in text else text


def arguments_of(call: Call) -> dict[str, Json]:
    """The arguments as the model meant them; none written counts as none.

    Models write line breaks and backslashes into texts as they are, put a fence around, or the text of an object into
    a text once more.

    Raises:
        UnreadableArguments: they are no JSON object, nested too deep, of too many parts, or cannot be stored.
    """
    given = (call.get("function") or {}).get("arguments")
    try:
        value = _read(given) if isinstance(given, str) else given
        if isinstance(value, str):
            value = _read(value)
        to_json_text(value)
    except ValueError as error:
        shown = str(given)[:_LONGEST_VALUE_SHOWN]
        raise UnreadableArguments(f"the arguments are not JSON ({error}): {shown}") from error
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise UnreadableArguments("the arguments must be a JSON object")
    return value


def object_text(arguments: Json) -> str:
    """The arguments of a call as every provider takes them again: as they were written, or what can be read of them."""
    try:
        if isinstance(arguments, str) and isinstance(read_json(arguments), dict):
            return arguments
    except ValueError:
        pass
    try:
        return to_json_text(arguments_of({"function": {"arguments": arguments}}))
    except UnreadableArguments:
        return NO_ARGUMENTS


def _read(text: str) -> Json:
    text = _without_halves(text).strip()
    if text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) >= 2 * len(_FENCE):
        inner = text[len(_FENCE) : -len(_FENCE)]
        text = _LANGUAGE.sub("", inner, count=1).strip()
    if not text:
        return None
    try:
        return read_json(text)
    except TooMuchJson:
        raise
    except ValueError:
        if len(text) > _LONGEST_MENDED:
            raise
        return read_json(_BACKSLASH.sub(r"\1\2\2", text), strict=False)
