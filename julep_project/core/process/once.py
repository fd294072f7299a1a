"""Things of which a process has one: clients with connections, pools of threads or of processes."""

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Once(Generic[P, T]):
    """Decorates a function that makes one: it is made when first asked for, once for each set of arguments, and kept.

    `functools.cache` makes one for each of many threads that ask at the same time, and forgets all but the last: what
    is forgotten closes its connections, though others may use them. A process that was forked makes its own.
    """

    def __init__(self, make: Callable[P, T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._made: dict[Hashable, T] = {}
        self._of_parents: list[object] = []
        os.register_at_fork(after_in_child=self._begin_anew)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The one there is, or will be from now on."""
        key = (args, tuple(sorted(kwargs.items())))
        if key not in self._made:
            with self._lock:
                if key not in self._made:
                    self._made[key] = self._make(*args, **kwargs)
        return self._made[key]

    @property
    def is_made(self) -> bool:
        return bool(self._made)

    def forget(self) -> None:
        self._made = {}

    def _begin_anew(self) -> None:
        # Not ended here: the parent goes on using its connections and processes.
        self._of_parents.append(self._made)
        self._made, self._lock = {}, threading.RLock()
