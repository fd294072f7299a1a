"""For tests of what ends an evaluation: a function that holds the interpreter in one call. Not there otherwise."""

from tasks.expressions.callables import Group
from tasks.expressions.limits import Budget
from tasks.expressions.values import Value

GROUP = Group("Tests")
_NUMBERS_PER_SECOND = 20_000_000


@GROUP.add("stand_still(seconds)", "Does nothing for many seconds, in one piece.", "none")
def _stand_still(budget: Budget, seconds: Value) -> int:
    return sum(range(int(seconds) * _NUMBERS_PER_SECOND))
