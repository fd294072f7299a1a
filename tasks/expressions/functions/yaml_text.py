"""YAML in expressions: everything read and written is paid for from the budget before it exists."""

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from julep_project.core.reading.yaml_loader import TooMuchYaml, YamlReader, YamlScalars
from tasks.expressions.errors import LimitExceeded
from tasks.expressions.keys import Keys, merged
from tasks.expressions.limits import MAX_DATA_DEPTH, MAX_INTEGER_BITS, Budget
from tasks.expressions.measure import measure
from tasks.expressions.values import Value, fail

_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_EVENT_COST = 15
_DUMP_COST = 60


class _Dumper(_BaseDumper):  # type: ignore[misc]
    """Writes shared parts out instead of naming them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _Reader(YamlReader):
    """Keys are values, numbers are the library's, and all is charged."""

    scalars = YamlScalars
    max_depth = MAX_DATA_DEPTH
    max_integer_bits = MAX_INTEGER_BITS

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    def charge(self, event: Any) -> None:
        self._budget.charge(_EVENT_COST)
        self._budget.grow(232 + 4 * len(getattr(event, "value", "")))

    def key(self, event: Any) -> Value:
        return self.scalar(event)

    def admission(self, items: dict[Value, Value]) -> Callable[[Value], object]:
        return Keys(self._budget, items).admit

    def merged(self, objects: Sequence[dict[Value, Value]]) -> dict[Value, Value]:
        return merged(objects, self._budget)


def load_yaml_text(budget: Budget, text: str) -> Value:
    """The single document of a text."""
    try:
        return _Reader(budget).read(text)
    except TooMuchYaml as error:
        raise LimitExceeded(f"the YAML is too much: {error}") from None
    except (yaml.YAMLError, ValueError) as error:
        fail("ValueError", f"the text is not YAML: {' '.join(str(error).split())[:200]}")


def dump_yaml_text(budget: Budget, plain: Value, *, depth: int, **options: Any) -> str:
    """Plain JSON as YAML text."""
    before = budget.fuel
    size = measure(plain, budget)
    elements = before - budget.fuel
    budget.charge(_DUMP_COST * elements)
    budget.grow_text(size + elements * depth * (options.get("indent") or 2))
    text = yaml.dump(plain, Dumper=_Dumper, **options)
    budget.grow_text(len(text))
    return str(text)
