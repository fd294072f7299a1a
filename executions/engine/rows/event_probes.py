"""How waits for an event are found by an index, however many wait for other events of the same name.

A wait has a probe of one value that its `match` names at the top; an event has those of all values at the top of its
data. Only a wait whose probe is among them can match. Values that a database may take for equal have the same probe;
those of which that is not sure, and all that is nested, have none.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

NO_PROBE = ""
_LARGEST_SURE = 2**53


def probe_of(match: Mapping[str, Any]) -> str:
    """The probe of a match: of the value that most likely is the rarest, a long text or a large number."""
    found = [(-_rarity(value), name, value) for name, value in match.items() if _is_sure(value)]
    if not found:
        return NO_PROBE
    _, name, value = min(found, key=lambda each: each[:2])
    return _probe(name, value)


def probes_of(data: Mapping[str, Any]) -> list[str]:
    """The probes of those waits that may match these data."""
    return [NO_PROBE, *(_probe(name, value) for name, value in data.items() if _is_sure(value))]


def _rarity(value: Any) -> int:
    return 0 if isinstance(value, bool) else len(str(value))


def _is_sure(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) <= _LARGEST_SURE
    return isinstance(value, bool | str) or (isinstance(value, int) and abs(value) <= _LARGEST_SURE)


def _probe(name: str, value: Any) -> str:
    plain = int(value) if isinstance(value, float) else value
    text = json.dumps([name, plain], ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
