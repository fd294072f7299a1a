"""A `StepContext` of plain values, for steps on their own."""

from typing import Any

from tasks.expressions.errors import EvaluationError
from tasks.expressions.limits import Budget
from tasks.language.scope import RUNTIME_NAMES
from tasks.language.values import Value


class PlainContext:
    """What a step sees. `tools` are tool definitions by name, `turns` the outputs of finished turns,
    `presets` arguments by the name of their tool."""

    def __init__(
        self,
        input: Any = None,
        *,
        memory: Any = None,
        items: list[Any] | None = None,
        turns: list[Any] | None = None,
        stored: dict[str, Any] | None = None,
        tools: dict[str, dict[str, Any]] | None = None,
        presets: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.input = input
        self.memory = memory
        self._items = items or []
        self._turns = turns or []
        self._stored = stored or {}
        self._tools = tools or {}
        self._presets = presets or {}

    def resolve(self, value: Value, **names: Any) -> Any:
        return value.evaluate({**self._scope(), **names}, Budget())

    def holds(self, value: Value, **names: Any) -> bool:
        return value.holds({**self._scope(), **names}, Budget())

    def fold(self, value: Value, items: list[Any], initial: Any) -> Any:
        return value.fold(items, initial, self._scope(), Budget())

    def _scope(self) -> dict[str, Any]:
        return {**dict.fromkeys(RUNTIME_NAMES), "_": self.input, "state": self._stored}

    def item(self, index: int) -> Any:
        return self._items[index]

    def results(self) -> list[Any]:
        return self._turns

    def state(self, key: str) -> tuple[bool, Any]:
        return key in self._stored, self._stored.get(key)

    def tool(self, name: str) -> dict[str, Any]:
        if name not in self._tools:
            raise EvaluationError(f"there is no tool named {name!r}")
        return self._tools[name]

    def may_be_asked_about(self, tool: dict[str, Any]) -> bool:
        return "approval" in tool or tool.get("effect") == "dangerous"

    def with_presets(self, tool: dict[str, Any], arguments: dict[str, Any]) -> dict[str, Any]:
        return {**arguments, **self._presets.get(tool["name"], {})}
