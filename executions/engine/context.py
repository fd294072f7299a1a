"""What a step sees while it runs: its input, names in scope, loop items, tools."""

from collections.abc import Callable, Mapping
from typing import Any

from agents.policy.policy import DEFAULT_POLICY
from agents.tool_types import Effect
from agents.tools import presets
from agents.tools.approval import may_need_agreement
from agents.tools.properties.properties import properties_of
from executions.engine.evaluation import EvaluatedIn, HeavyExpression, in_child
from executions.engine.frame import Frame
from executions.engine.rows.journal import Journal
from executions.engine.run import Run
from executions.engine.scope import build_scope, read_ahead
from tasks.expressions.apart import standstill
from tasks.expressions.errors import EvaluationError
from tasks.expressions.limits import Budget
from tasks.language.values import Value


class StepRunContext:
    """The `StepContext` of the engine. One budget of fuel and size covers everything the step evaluates."""

    def __init__(
        self, run: Run, journal: Journal, frame: Frame, state: dict[str, Any], place: EvaluatedIn = EvaluatedIn.OWN
    ) -> None:
        self.input = frame.input
        self.memory = frame.memory
        self._run = run
        self._journal = journal
        self._frame = frame
        self._state = state
        self._place = place
        self._budget = Budget()
        self._scope = build_scope(run, journal, frame, state)

    def resolve(self, value: Value, **names: Any) -> Any:
        """The value tree with every expression and template in it replaced by its result."""
        scope = self._scope_with(names)
        return self._evaluated(value, lambda: value.evaluate(scope, self._budget))

    def holds(self, value: Value, **names: Any) -> bool:
        """Whether the value is true."""
        scope = self._scope_with(names)
        return bool(self._evaluated(value, lambda: value.holds(scope, self._budget)))

    def _scope_with(self, names: dict[str, Any]) -> dict[str, Any]:
        return {**self._scope, **names} if names else self._scope

    def fold(self, value: Value, items: list[Any], initial: Any) -> Any:
        """The value resolved for each item in turn, all on the step's one budget."""
        return self._evaluated(value, lambda: value.fold(items, initial, self._scope, self._budget))

    def _evaluated(self, value: Value, work: Callable[[], Any]) -> Any:
        """Do it where it can do no harm to others.

        Raises:
            HeavyExpression: that is not here.
        """
        if self._place is EvaluatedIn.SHARED and not value.is_light():
            raise HeavyExpression
        if self._place is EvaluatedIn.SUSPECT and standstill.is_prepared() and not value.is_literal():
            read_ahead(self._scope, value.names())
            return in_child(work, self._budget)
        with standstill.timed():
            return work()

    def item(self, index: int) -> Any:
        assert self._frame.loop is not None
        return self._journal.item(self._frame.loop, index)

    def results(self) -> list[Any]:
        assert self._frame.loop is not None
        return self._journal.loop_results(self._frame.loop)

    def state(self, key: str) -> tuple[bool, Any]:
        if key in self._state:
            return True, self._state[key]
        stored = self._journal.execution().state
        return key in stored, stored.get(key)

    def tool(self, name: str) -> dict[str, Any]:
        """The tool of that name.

        Raises:
            EvaluationError: it was deleted since the task was made.
        """
        try:
            return self._run.tool(name)
        except KeyError:
            raise EvaluationError(f"there is no tool named {name!r}") from None

    def may_be_asked_about(self, tool: Mapping[str, Any]) -> bool:
        """Whether a person may have to agree to a call of the tool. Its policy is looked at only if that matters."""
        if may_need_agreement(tool, DEFAULT_POLICY):
            return True
        return bool(tool) and properties_of(tool).effect is Effect.DANGEROUS and self._run.policy.is_own

    def with_presets(self, tool: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with those over them that the metadata of execution, task and agent presets."""
        return presets.apply(self._run.presets, tool, arguments)
