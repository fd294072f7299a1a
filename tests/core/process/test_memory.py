"""Giving memory back is begun after every piece of work, whatever happened to it before."""

import gc
import threading

import pytest

from julep_project.core.process import memory


def test_a_thread_that_the_system_does_not_give_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def refuse(thread: threading.Thread) -> None:
        started.append(thread.name)
        raise RuntimeError("can't start new thread")

    # One of an earlier test may still be at it.
    monkeypatch.setattr(memory, "_tending", threading.Lock())
    monkeypatch.setattr(memory, "_least_mb", -memory._GROWTH_MB)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    memory.tend()
    memory.tend()

    assert started == ["memory", "memory"]


def test_a_process_that_is_loaded_collects_as_any_other() -> None:
    """This one is, with Django, and what is loaded late changes nothing."""
    usual = memory._USUAL
    assert gc.get_threshold() == usual
    with memory.loading():
        assert gc.get_threshold()[0] > usual[0]
    assert gc.get_threshold() == usual
