"""Questions of servers to people: a call that is asked some waits for each, and is made again with what was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.tools.actions import Action, ActionNeeded, Given
from agents.tools.errors import ReportedError, ToolError
from agents.tools.mcp.elicitation import ACCEPT, CANCEL, DECLINE, DEFAULTS, URL, Asked, filled_in, mode_of
from agents.tools.mcp.listing import cleaned, shown_schema
from agents.tools.mcp.server import Answer, Question
from agents.tools.signing_in import given_before_sign_in
from julep_project.core.json_value import Json

ELICITATION = "elicitation"
EXPIRES_S = 7 * 24 * 3600.0
_MOST_ASKED = 20
_LONGEST_MESSAGE = 2_000

Replies = Mapping[str, Mapping[str, Json]]


@dataclass(frozen=True, slots=True)
class Said:
    """What goes back to the server with a call; how many questions there were, and which of them nobody was asked."""

    replies: Replies = field(default_factory=dict)
    state: str | None = None
    asked: int = 0
    declined: tuple[str, ...] = ()


def said_before(given: Given | None) -> Said:
    """What people have said so far to the questions of a call that was given this.

    Raises:
        ActionNeeded: there is another question of the same time. ReportedError: what the server needs was declined.
    """
    given = given_before_sign_in(given)
    if given is None or given.type != ELICITATION:
        return Said()
    kept: Any = given.kept
    (name, asked), *others = kept["asked"]
    reply = _reply(asked, given.answer)
    if kept["is_needed"] and reply["action"] != ACCEPT:
        raise ReportedError(f"the server wanted {asked.get('url')} to be opened first, which a person declined")
    # What was needed is no question that the server asks again.
    replies = kept["replies"] if kept["is_needed"] else {**kept["replies"], name: reply}
    if others:
        raise _needed({**kept, "asked": others, "replies": replies})
    return Said(replies, kept["state"], kept["count"], tuple(kept["declined"]))


def put(question: Question, said: Said, *, way: Json, may_wait: bool, is_repeatable: bool) -> Question:
    """The question with what people have said. `way`: what the definition says becomes of what the server asks."""
    return replace(
        question,
        asks_people=may_wait and way != DECLINE,
        is_repeatable=is_repeatable,
        takes_defaults=way == DEFAULTS,
        turn=said.asked,
        replies=said.replies,
        state=said.state,
    )


def heard(answer: Answer, said: Said) -> Answer:
    """The answer of the server, with all that was declined.

    Raises:
        ActionNeeded: it asked something instead. ToolError: it asks too much.
    """
    # A call that begins anew is asked the same once more.
    declined = tuple(dict.fromkeys((*said.declined, *answer.declined)))[:_MOST_ASKED]
    inquiry = answer.inquiry
    if inquiry is None:
        return replace(answer, declined=declined)
    count = said.asked + len(inquiry.asked)
    if count > _MOST_ASKED:
        raise ToolError(f"the server asks people more than {_MOST_ASKED} questions for one call")
    before = said.replies if inquiry.begins_anew else {}
    raise _needed(
        {
            # No object: those are stored in an order of their own.
            "asked": [[name, dict(asked)] for name, asked in inquiry.asked.items()],
            "replies": {name: dict(reply) for name, reply in {**before, **inquiry.replies}.items()},
            "state": inquiry.state,
            "is_needed": inquiry.is_needed,
            "count": count,
            "declined": list(declined),
        }
    )


def _needed(kept: Json) -> ActionNeeded:
    asked: Asked = kept["asked"][0][1]
    told: dict[str, Json] = {"mode": mode_of(asked), "schema": answer_schema(asked)}
    if mode_of(asked) == URL:
        told["url"] = asked["url"]
    message = cleaned(str(asked.get("message") or "The server asks for an answer."), _LONGEST_MESSAGE)
    return ActionNeeded(message, Action(ELICITATION, told, EXPIRES_S, kept=kept))


def answer_schema(asked: Asked) -> dict[str, Json]:
    """What an answer has to be: the fields that the server asks for, and beside them whether it gets them."""
    wanted: Any = {} if mode_of(asked) == URL else shown_schema(asked["requestedSchema"])
    fields: Mapping[str, Any] = wanted.get("properties") or {}
    decision = _decision_beside(fields)
    choice: Json = {"type": "string", "title": "Answer", "enum": [ACCEPT, DECLINE, CANCEL], "default": ACCEPT}
    is_accepted: Json = {"properties": {decision: {"const": ACCEPT}}, "required": [decision]}
    return {
        "type": "object",
        "properties": {decision: choice, **fields},
        "required": [decision],
        "additionalProperties": False,
        "if": is_accepted,
        "then": {"required": [name for name in wanted.get("required") or [] if "default" not in fields.get(name, {})]},
    }


def decision_of(shown: Json) -> str | None:
    """The name of the field of a wait's answer that says whether the others are given; None if it has no such."""
    if not isinstance(shown, Mapping) or shown.get("type") != ELICITATION:
        return None
    schema = shown.get("schema")
    needed = schema.get("required") if isinstance(schema, Mapping) else None
    return needed[0] if isinstance(needed, list) and len(needed) == 1 and isinstance(needed[0], str) else None


def _reply(asked: Asked, answer: Json) -> dict[str, Json]:
    """What the server is told of an answer that fits the schema."""
    given: Any = answer if isinstance(answer, Mapping) else {}
    schema: Any = asked.get("requestedSchema") or {}
    action = given.get(_decision_beside(schema.get("properties") or {}), CANCEL)
    if action != ACCEPT or mode_of(asked) == URL:
        return {"action": action}
    return {"action": ACCEPT, "content": filled_in(asked, given)}


def _decision_beside(fields: Mapping[str, Any]) -> str:
    """The name of the field that says whether the others are given: none of theirs."""
    name = "action"
    while name in fields:
        name = f"_{name}"
    return name
