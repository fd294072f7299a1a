"""`switch`: the first case that holds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from julep_project.core.json_value import Json
from tasks.language.texts import expression_source
from tasks.language.values import Literal, Value, load_value
from tasks.steps.base import LoadBody, Place, Step, StepContext, dump_body
from tasks.steps.outcomes import Enter, Fail, Outcome
from tasks.steps.reader import StepReader

_CASE_KEYS = frozenset({"case", "then"})
_DEFAULT = Literal(True)


@dataclass(frozen=True, eq=False)
class Case:
    """A condition and its body."""

    condition: Value
    then: tuple[Step, ...]


class Switch(Step, kind="switch", hands_on=True):
    """Output of the first case's body whose condition holds; `case: _` always does. None holds: the step fails."""

    cases: tuple[Case, ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any], reader: StepReader) -> Self:
        """A list of `{case, then}`."""
        content = reader.literal(raw["switch"], "switch", (list,), [])
        place = reader.at("switch")
        if not content:
            place.problem("needs at least one case", "too_short", raw["switch"])
        last = len(content) - 1
        cases = (cls._read_case(item, place.at(f"[{index}]"), index == last) for index, item in enumerate(content))
        return cls(tuple(case for case in cases if case is not None))

    @staticmethod
    def _read_case(raw: Any, reader: StepReader, is_last: bool) -> Case | None:
        if not isinstance(raw, Mapping) or "case" not in raw:
            reader.problem("must be an object with `case` and `then`", "missing", raw)
            return None
        reader.unknown_keys(raw, _CASE_KEYS, "a case")
        condition = reader.condition(raw["case"], "case")
        is_default = isinstance(raw["case"], str) and expression_source(raw["case"]) == "_"
        if is_default and not is_last:
            reader.at("case").problem("the default case `_` must be the last one", "unreachable", raw["case"])
        return Case(_DEFAULT if is_default else condition, reader.body(raw.get("then"), "then", "case.then"))

    @classmethod
    def load(cls, stored: Mapping[str, Any], load_body: LoadBody) -> Self:
        return cls(tuple(Case(load_value(case["case"]), load_body(case["then"])) for case in stored["cases"]))

    def dump(self) -> dict[str, Json]:
        return {"cases": [{"case": case.condition.dump(), "then": dump_body(case.then)} for case in self.cases]}

    def places(self) -> Iterator[Place]:
        return (Place(f"switch[{index}].case", case.condition) for index, case in enumerate(self.cases))

    def blocks(self) -> Mapping[str, tuple[Step, ...]]:
        return {f"case[{index}]": case.then for index, case in enumerate(self.cases)}

    def body_location(self, key: str) -> str:
        return f"switch{key.removeprefix('case')}.case.then"

    def start(self, ctx: StepContext) -> Outcome:
        for index, case in enumerate(self.cases):
            if ctx.holds(case.condition):
                return Enter(f"case[{index}]", ctx.input, display="case")
        return Fail("no case of the switch holds", "NoMatch")
