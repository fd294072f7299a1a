"""`set`: store values for the whole execution."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.language.values import Value
from tasks.steps.base import Step, StepContext, evaluated
from tasks.steps.outcomes import Append, Change, Done, Fail, Increment, Outcome, UnfitValue
from tasks.steps.reader import StepReader

# Keys beside `set`, or alone, and what becomes of a stored value under each.
CHANGES: Mapping[str, type[Change]] = {"increment": Increment, "append": Append}


class Set(Step, kind="set"):
    """Merges an object into the execution's store, adds to numbers and lists in it, and outputs what it was given."""

    values: Value = evaluated("set", StepReader.object_of_values)
    increment: Value | None = evaluated("increment", StepReader.object_of_values, optional=True, left_out=True)
    append: Value | None = evaluated("append", StepReader.object_of_values, optional=True, left_out=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        seen: set[str] = set()
        for kind in ("set", *CHANGES):
            given = raw[kind].keys() if isinstance(raw.get(kind), Mapping) else set()
            for key in sorted(seen & given):
                reader.at(kind).at(key).problem(f"{key!r} is stored twice by this step", "duplicate_key", key)
            seen |= given
        return super().read(raw, reader)

    def start(self, ctx: StepContext) -> Outcome:
        return self._done(ctx, ctx.resolve(self.values), tuple(self._changes(ctx)))

    def answered(self, ctx: StepContext, output: Json) -> Outcome:
        """It has stored what it would have with that output; nothing, if that is not one of this step."""
        if not isinstance(output, dict) or not self.stores(output):
            return Done(output)
        stored, changes = self.stored_by(output)
        return self._done(ctx, stored, tuple(changes))

    @staticmethod
    def _done(ctx: StepContext, stored: dict[str, Json], changes: tuple[Change, ...]) -> Outcome:
        for change in changes:
            try:
                change.applied(ctx.state(change.key)[1])
            except UnfitValue as error:
                return Fail(str(error), "TypeError")
        return Done({**stored, **{change.key: change.value for change in changes}}, state=stored, changes=changes)

    def stores(self, output: Mapping[str, Json]) -> bool:
        """Whether the step may have had this output."""
        return {key for value in (self.values, self.increment, self.append) for key in _keys(value)} == set(output)

    def stored_by(self, output: Mapping[str, Json]) -> tuple[dict[str, Json], list[Change]]:
        """What it merged into the store when it had this output, and what it changed there."""
        changes: list[Change] = [
            make(key, output[key])
            for value, make in ((self.increment, Increment), (self.append, Append))
            for key in _keys(value)
        ]
        return {key: output[key] for key in _keys(self.values)}, changes

    def _changes(self, ctx: StepContext) -> Iterator[Change]:
        for value, make in ((self.increment, Increment), (self.append, Append)):
            given: Mapping[str, Json] = {} if value is None else ctx.resolve(value)
            for key, item in given.items():
                yield make(key, item)


def _keys(value: Value | None) -> list[str]:
    """Keys are never evaluated."""
    return [] if value is None else list(next(iter(value.dump().values())))
