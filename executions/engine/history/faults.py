"""What failed a run, told so that runs which failed by the same fault can be found together."""

import re
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from executions.engine.frame import PathPart

LONGEST_TYPE = 120
LONGEST_STEP = 200
_HASH_DIGITS = 16
# Messages differ at their ends, where they quote what they were about.
_COMPARED = 1000

# What of a message differs from run to run: texts in quotes, addresses, ids, numbers.
_VARYING = re.compile(
    r"""'[^']*+'|"[^"]*+"|`[^`]*+`|\w++://\S++|[\w.+-]++@[\w.-]++|/\S++|[^\W\d]*+\d[\w.,:-]*+""",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The kind of a failure and the step that failed: its label, else its place in the program. `hash` is the same for
    runs of a task that failed there in the same way, whatever they were about."""

    type: str
    step: str
    hash: str


def fault_of(task_id: UUID, *, step: str, type_: str, message: str) -> Fault:
    """The fault behind the failure of a step."""
    kept = _VARYING.sub("*", message[:_COMPARED])
    text = "\0".join((str(task_id), step, type_, kept)).encode("utf-8", "surrogatepass")
    return Fault(type_[:LONGEST_TYPE], step[:LONGEST_STEP], sha256(text).hexdigest()[:_HASH_DIGITS])


def place_of(path: list[PathPart], step: int) -> str:
    """A step's place in its program, such as `main[1].do[0]`: the same in every turn of a loop."""
    first, *rest = path
    inner = (f"[{place}].{block}" for place, block in zip(rest[::2], rest[1::2], strict=True))
    return f"{first}{''.join(inner)}[{step}]"
