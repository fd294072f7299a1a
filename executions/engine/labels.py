"""Which finished step of a body a label means at a place.

Labels of a named workflow's own steps are found by their position. Those of steps in its bodies belong to the item or
turn they were run in, so each frame carries what can be seen from it: the ids of rows by label, `above` it, its `own`,
and what was finished `inner`, in the bodies of the step it runs, by body. A frame of a program without such labels
carries nothing.

They lie among the frame's names, under a key that is no name: a worker of an older version passes names on unread, and
takes no frame with a field it does not know.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from executions.engine.frame import Frame

Labels = dict[str, str]

KEY = "labels of bodies"


def visible(frame: Frame) -> Labels:
    """The row of the nearest finished step by label, as the frame's current step sees it."""
    found = _of(frame)
    return {**found.get("above", {}), **found.get("own", {}), **_merged(found.get("inner", {}))}


def names_below(frame: Frame, block: str | None = None) -> dict[str, Any]:
    """The names of a body of the frame's step: it sees what the step sees, but for what an earlier turn of it left."""
    found = _of(frame)
    if not found:
        return frame.names
    inner = {name: labels for name, labels in found.get("inner", {}).items() if name != block}
    above = {**found.get("above", {}), **found.get("own", {}), **_merged(inner)}
    return {**frame.names, KEY: {"above": above}}


def finish_step(frame: Frame, label: str | None, row_id: str) -> None:
    """The frame's current step has finished, with this row."""
    found = _of(frame)
    own = {**found.get("own", {}), **_merged(found.get("inner", {}))}
    if label is not None:
        if frame.is_workflow:
            own.pop(label, None)
        else:
            own[label] = row_id
    if own or found:
        _put(frame, own=own, inner={})


def leave(body: Frame, frame: Frame) -> None:
    """Keep for the frame what was finished in a body of its step, which ended or failed."""
    if not body.is_workflow:
        keep(frame, str(body.path[-1]), left_by(body))


def keep(frame: Frame, block: str, labels: Labels) -> None:
    """Keep for the frame what was finished in a body of its step."""
    if labels:
        inner = _of(frame).get("inner", {})
        _put(frame, inner={**inner, block: {**inner.get(block, {}), **labels}})


def left_by(body: Frame) -> Labels:
    """What was finished in the body and those below it."""
    found = _of(body)
    return {**found.get("own", {}), **_merged(found.get("inner", {}))}


def _of(frame: Frame) -> Mapping[str, Any]:
    found: Mapping[str, Any] = frame.names.get(KEY, {})
    return found


def _put(frame: Frame, **parts: Mapping[str, Any]) -> None:
    """Frames share what they carry, so it is never changed in place."""
    carried = {name: part for name, part in {**_of(frame), **parts}.items() if part}
    rest = {name: value for name, value in frame.names.items() if name != KEY}
    frame.names = {**rest, KEY: carried} if carried else rest


def _merged(labels: Mapping[str, Labels]) -> Labels:
    return together(labels.values())


def together(labels: Iterable[Labels]) -> Labels:
    """All of them; of one label the last."""
    return {label: row_id for some in labels for label, row_id in some.items()}
