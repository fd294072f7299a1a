"""What is kept of an attempt of a call, from its beginning to its end."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.conf import settings

from agents.calls.models import CallKind, CallStatus
from agents.calls.purpose import Purpose, current_purpose
from agents.calls.recorder import RECORDER, Note
from agents.calls.texts import LONGEST_TEXT, address_of, listed, written
from agents.spending.attribution import Attribution, current_attribution
from julep_project.core.clock import now
from julep_project.core.ids import uuid7
from julep_project.core.reading.jsontext import to_storable

log = logging.getLogger(__name__)

_LONGEST_NAME, _LONGEST_KEY, _LONGEST_TYPE, _LONGEST_ERROR = 255, 128, 120, 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call was asked: settings or arguments, and of a model its messages and the tools it was offered."""

    request: Mapping[str, Any] = field(default_factory=dict)
    messages: Sequence[Mapping[str, Any]] = ()
    tools: Sequence[Mapping[str, Any]] = ()


@dataclass(slots=True)
class Attempt:
    """One attempt. Say how it ended by `fail`, if it failed, and then `end`, once: neither raises anything."""

    kind: CallKind
    name: str
    developer_id: UUID
    attribution: Attribution
    purpose: Purpose
    usage_id: UUID | None = None
    started_at: datetime = field(default_factory=now)
    _failure: tuple[str, str] | None = None

    @classmethod
    def begin(cls, kind: CallKind, name: str, developer_id: UUID, **known: Any) -> Self:
        """An attempt that begins now. `attribution`, `purpose` and `usage_id` may be given."""
        known.setdefault("attribution", current_attribution())
        known.setdefault("purpose", current_purpose())
        return cls(kind, name, developer_id, **known)

    def fail(self, error: BaseException) -> None:
        """It gave nothing, or not all there was."""
        message = getattr(error, "message", None)
        self._failure = (
            str(getattr(error, "kind", type(error).__name__)),
            message if isinstance(message, str) else type(error).__name__,
        )

    def end(self, asked: Asked, response: Any = None, *, tokens: tuple[int | None, int | None] = (None, None)) -> None:
        """Keep what was asked and answered, as far as `CALLS_KEPT` says so."""
        kept = settings.CALLS_KEPT
        if kept == "none" or (kept == "failed" and self._failure is None):
            return
        try:
            RECORDER.add(self._note(asked, response, tokens))
        except Exception:  # whatever it is, it is no reason to lose the answer
            log.warning("a call was not recorded", extra={"action": "calls_not_recorded"}, exc_info=True)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """An error of the block is one of it; it ends later."""
        try:
            yield
        except BaseException as error:
            self.fail(error)
            raise

    @contextmanager
    def failing(self, asked: Asked) -> Iterator[None]:
        """An error of the block ends it."""
        try:
            with self.noting():
                yield
        except BaseException:
            self.end(asked)
            raise

    def _context(self) -> str | None:
        context = self.purpose.context
        return None if context is None or self.kind is not CallKind.MODEL else written(context).decode()

    def _note(self, asked: Asked, response: Any, tokens: tuple[int | None, int | None]) -> Note:
        found = listed(self.developer_id, asked.messages)
        tools_id = None
        if asked.tools:
            tools = written(list(asked.tools), LONGEST_TEXT)
            tools_id = address_of(self.developer_id, tools)
            found.texts[tools_id] = tools
        error_type, error = self._failure or (None, None)
        attribution, purpose = self.attribution, self.purpose
        columns = {
            "id": uuid7(),
            "kind": self.kind.value,
            "name": self.name[:_LONGEST_NAME],
            "status": (CallStatus.OK if error_type is None else CallStatus.FAILED).value,
            "key": None if purpose.key is None else purpose.key[:_LONGEST_KEY],
            "attempt": purpose.attempt,
            "started_at": self.started_at,
            "ended_at": now(),
            "request": written(asked.request).decode(),
            "response": None if response is None else written(response).decode(),
            "error_type": None if error_type is None else error_type[:_LONGEST_TYPE],
            "error": None if error is None else to_storable(error[:_LONGEST_ERROR]),
            "pieces": found.pieces,
            "rest": found.rest,
            "tools": tools_id,
            "context": self._context(),
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "usage_id": self.usage_id,
            "agent_id": attribution.agent_id,
            "task_id": attribution.task_id,
            "session_id": attribution.session_id,
            "execution_id": attribution.execution_id,
            "response_id": purpose.response_id,
        }
        return Note(self.developer_id, columns, found.texts)
