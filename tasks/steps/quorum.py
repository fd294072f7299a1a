"""How many people have to answer a wait, and whom it names.

A quorum is an object of counts: `{needed, answered}`, or of an approval `{approve, deny, answered, approved, denied}`.
Rows of the log hold it. It is never changed; each answer makes the next one.
"""

from collections.abc import Mapping
from typing import Any

from julep_project.core.json_value import Json

MAX_QUORUM = 100
APPROVE, DENY = "approve", "deny"
# What the installation knows people by. Links are made out to names.
_LINK = "link:"
NAMEABLE = ("key:", "staff:", "token:", _LINK)

Quorum = dict[str, int]


class WrongQuorum(Exception):
    """It is none, or more than there are people for. `key` is the part of it that is wrong."""

    def __init__(self, message: str, key: str = "") -> None:
        super().__init__(message)
        self.key = key


def named_assignees(info: Json) -> list[str]:
    """Those in `assignees` whom the installation knows. Others mean something to the client, which knows its people."""
    assignees = info.get("assignees") if isinstance(info, Mapping) else None
    named = assignees if isinstance(assignees, list) else [assignees]
    return list(dict.fromkeys(name for name in named if isinstance(name, str) and name.startswith(NAMEABLE)))


def person_named(name: str) -> str:
    """By what people are told apart: whoever a link is made out to, whatever the case of the letters."""
    return name.casefold() if name.startswith(_LINK) else name


def people_named(info: Json) -> int:
    """How many people `assignees` names whom the installation knows."""
    return len(set(map(person_named, named_assignees(info))))


def quorum_of(asked: Json, named: int) -> Quorum:
    """The quorum before anybody has answered, of a number or `{approve, deny}`; `named` people may answer, 0 for any.

    Raises:
        WrongQuorum
    """
    if not isinstance(asked, Mapping):
        return {"needed": _counted(asked, "", named), "answered": 0}
    approve = _counted(asked.get(APPROVE), APPROVE, named)
    # So many are enough that the others are too few to approve.
    enough = named - approve + 1 if named else None
    deny = enough or 1 if asked.get(DENY) is None else _counted(asked[DENY], DENY, 0)
    return {APPROVE: approve, DENY: min(deny, enough or deny), "answered": 0, "approved": 0, "denied": 0}


def _counted(number: Json, key: str, named: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_QUORUM:
        raise WrongQuorum(f"must be a whole number between 1 and {MAX_QUORUM}", key)
    if 0 < named < number:
        raise WrongQuorum(f"must be at most {named}: `assignees` names no more who may answer", key)
    return number


def after_answer(quorum: Quorum, answer: Any) -> Quorum:
    """The quorum with one answer more."""
    counted = {**quorum, "answered": quorum["answered"] + 1}
    if APPROVE in quorum:
        counted["approved" if answer[APPROVE] else "denied"] += 1
    return counted


def is_settled(quorum: Quorum) -> bool:
    """Whether nobody has to answer any more."""
    if APPROVE in quorum:
        return quorum["approved"] >= quorum[APPROVE] or quorum["denied"] >= quorum[DENY]
    return quorum["answered"] >= quorum["needed"]


def told(quorum: Quorum) -> str:
    """How far it is, for people."""
    if APPROVE not in quorum:
        return f"{quorum['answered']} of {quorum['needed']} answered"
    denied = f", {quorum['denied']} denied" if quorum["denied"] else ""
    return f"{quorum['approved']} of {quorum[APPROVE]} approved{denied}"


def outcome_of(quorum: Quorum, answers: list[Json]) -> Json:
    """What the step gives: the answers, in the order in which they came, and of an approval whether it was given."""
    if APPROVE not in quorum:
        return answers
    approved = sum(answer["answer"][APPROVE] for answer in answers)
    return {"approved": approved >= quorum[APPROVE], "answers": answers}
