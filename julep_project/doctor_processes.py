"""Whether every process sees the same: what one stores the others read, and their settings agree.

Every worker is reached by a message to its queue, which is the way work reaches it; an API by a request.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import redis
from celery import current_app
from django.conf import settings
from django.db import Error as DatabaseError
from kombu.exceptions import KombuError, OperationalError

from julep_project.core.errors import DomainError
from julep_project.core.health import witness
from julep_project.core.health.health import QUEUES, Report
from julep_project.core.health.witness import Inquiry, Testimony

_PATIENCE_S = 10.0
_ROUND_S = 0.5
_WORKER_REPLY_S = 1.0


@dataclass
class _Asked:
    """The workers of a queue, and what they said."""

    queue: str
    workers: set[str]
    said: dict[str, Testimony] = field(default_factory=dict)

    @property
    def silent(self) -> list[str]:
        return sorted(self.workers - self.said.keys())

    def report(self, inquiry: Inquiry) -> Report:
        problems = [f"{who} {what}" for who, one in sorted(self.said.items()) for what in inquiry.troubles(one)]
        problems += [f"{worker} did not answer within {_PATIENCE_S:g} s" for worker in self.silent]
        if not self.workers:
            problems = ["no worker takes its messages"]
        detail = "; ".join(problems) or f"{', '.join(sorted(self.said))} read what this process stored"
        return Report(f"queue {self.queue}", ok=not problems, detail=detail)


def examine(apis: Sequence[str]) -> list[Report]:
    """One report for each queue and each API, and one for their settings."""
    try:
        with witness.inquiry() as inquiry:
            asked = _asked_queues()
            _collect(inquiry, asked)
            answers = [_ask_api(inquiry, api) for api in apis]
    except DomainError as error:
        return [Report("storage", ok=False, detail=error.message)]
    except (redis.RedisError, DatabaseError, OperationalError, KombuError, OSError) as error:
        return [Report("processes", ok=False, detail=f"unknown: {type(error).__name__}")]
    said = {who: one for queue in asked for who, one in queue.said.items()}
    said |= {one.who: one for _, one in answers if one is not None}
    return [*(one.report(inquiry) for one in asked), *(report for report, _ in answers), _settings(list(said.values()))]


def _settings(said: Sequence[Testimony]) -> Report:
    """Which processes have been given something else than the others."""
    found = witness.differing_settings(said)
    detail = "; ".join(f"{name} differs: {_groups(groups)}" for name, groups in found.items())
    return Report("settings", ok=not found, detail=detail or f"the same for {len(said)} processes")


def _groups(groups: Sequence[Sequence[str]]) -> str:
    return " | ".join(", ".join(sorted(group)) for group in groups)


def _asked_queues() -> list[_Asked]:
    answers = current_app.control.inspect(timeout=_WORKER_REPLY_S).active_queues() or {}
    return [_Asked(name, set(_workers_of(name, answers))) for name in QUEUES]


def _workers_of(queue: str, answers: dict[str, list[dict[str, str]]]) -> Iterator[str]:
    return (worker for worker, queues in answers.items() if queue in {each["name"] for each in queues})


def _collect(inquiry: Inquiry, asked: Sequence[_Asked]) -> None:
    """Send messages until every worker got one: which of them takes a message from their queue is not ours to say."""
    deadline = time.monotonic() + _PATIENCE_S
    while any(one.silent for one in asked) and time.monotonic() < deadline:
        for one in asked:
            for _ in one.silent:
                current_app.send_task(witness.TESTIFY, [str(inquiry.id)], queue=one.queue, expires=_PATIENCE_S)
        for testimony in inquiry.testimonies(timeout_s=_ROUND_S):
            for one in asked:
                if testimony.who in one.workers:
                    one.said[testimony.who] = testimony


def _ask_api(inquiry: Inquiry, url: str) -> tuple[Report, Testimony | None]:
    name = f"api {url}"
    request = urllib.request.Request(  # noqa: S310  (the caller's own address)
        f"{url}/witness/{inquiry.id}", headers={"Authorization": f"Bearer {settings.AGENTS_API_KEY}", **_own_name()}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as response:  # noqa: S310  (the same)
            testimony = Testimony(**json.load(response))
    except urllib.error.HTTPError as error:
        error.close()
        return Report(name, ok=False, detail=_REFUSALS.get(error.code, f"answers {error.code}")), None
    except (OSError, ValueError, TypeError) as error:
        return Report(name, ok=False, detail=str(error)), None
    problems = inquiry.troubles(testimony)
    detail = "; ".join(problems) or f"{testimony.who} reads what this process stored"
    return Report(name, ok=not problems, detail=detail), testimony


def _own_name() -> dict[str, str]:
    """An API that answers to some names only is asked by one of them, whatever its address."""
    names = [name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"]
    return {"Host": names[0]} if names else {}


_REFUSALS = {403: "has another AGENTS_API_KEY", 404: "uses another Redis"}
