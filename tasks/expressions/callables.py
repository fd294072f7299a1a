"""What a callable of the language is: one implementation with its signature, its description and its bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.expressions.limits import Budget
from tasks.expressions.values import KNOWN_TYPES, Value, concrete, fail, type_name

_CALL_COST = 4


@dataclass(frozen=True, eq=False)
class Function:
    """A function or method. `run` takes the budget first, then the values; it must stay within the budget."""

    name: str
    signature: str
    doc: str
    bound: str
    run: Callable[..., Value]
    takes_lazy: bool = False

    def __repr__(self) -> str:
        return f"<function {self.name}>"


@dataclass(frozen=True, eq=False)
class Module:
    """A namespace such as `math`; some can also be called (`date(2024, 1, 31)`)."""

    name: str
    members: Mapping[str, Any]
    call: Function | None = None

    def __repr__(self) -> str:
        return f"<module {self.name}>"


@dataclass
class Group:
    """Collects the functions of one file."""

    title: str
    prefix: str = ""
    functions: dict[str, Function] = field(default_factory=dict)

    def add(
        self, signature: str, doc: str, bound: str, *, takes_lazy: bool = False
    ) -> Callable[[Callable[..., Value]], Callable[..., Value]]:
        """Register the decorated function; its name in the language is the start of the signature."""
        name = signature.partition("(")[0]

        def register(run: Callable[..., Value]) -> Callable[..., Value]:
            self.functions[name] = Function(
                self.prefix + name, self.prefix + signature, doc, bound, run, takes_lazy=takes_lazy
            )
            return run

        return register


def call(function: Value, budget: Budget, arguments: list[Value], keywords: Mapping[str, Value]) -> Value:
    """Call a function of the table with values; lazy objects are read out first."""
    if type(function) is Module and function.call is not None:
        function = function.call
    if type(function) is not Function:
        fail("TypeError", f"{_shown(function)} cannot be called")
    budget.charge(_CALL_COST)
    if not function.takes_lazy:
        arguments = [item if type(item) in KNOWN_TYPES else concrete(item, budget) for item in arguments]
        if keywords:
            keywords = {name: concrete(item, budget) for name, item in keywords.items()}
    try:
        return function.run(budget, *arguments, **keywords)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            fail("TypeError", f"wrong arguments for {function.signature}")
        raise


def _shown(value: Value) -> str:
    return f"the module {value.name}" if type(value) is Module else f"a value ({type_name(value)})"
