"""Things of which a process has one."""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from julep_project.core.process.once import Once

_THREADS = 8


def test_many_who_ask_at_the_same_time_get_the_same() -> None:
    all_ask, made = Barrier(_THREADS), []

    @Once
    def thing(name: str) -> object:
        made.append(name)
        return object()

    def ask(_: int) -> object:
        all_ask.wait()
        return thing("a")

    with ThreadPoolExecutor(_THREADS) as pool:
        found = set(pool.map(ask, range(_THREADS)))

    assert made == ["a"] and found == {thing("a")}
    assert thing("b") is not thing("a")


def test_what_could_not_be_made_is_made_the_next_time() -> None:
    @Once
    def thing() -> float:
        return 1 / next(numbers)

    numbers = iter([0, 1])
    try:
        thing()
    except ZeroDivisionError:
        assert thing() == 1


def test_a_process_that_was_forked_makes_its_own_and_leaves_that_of_its_parent_alone() -> None:
    ended: list[int] = []

    class Thing:
        def __del__(self) -> None:
            ended.append(os.getpid())

    thing = Once(Thing)
    of_parent = id(thing())

    with warnings.catch_warnings():
        # Python is afraid of the threads of other tests; the child only looks and ends.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(0 if id(thing()) != of_parent and not ended else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert id(thing()) == of_parent
