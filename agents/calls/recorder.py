"""Writes records of calls beside them: no call waits for its record, or fails with it.

What was noted within a moment is written by one transaction, which does not wait for the disk. A process that is lost
loses the records of that moment; while the database is away or too slow, records are left out.
"""

import atexit
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from django.db import transaction

from agents.calls.texts import packed
from julep_project.core.database import execute, fetch, give_connection_back
from julep_project.core.tenancy import system_scope

log = logging.getLogger(__name__)

_GATHER_S = 0.5
# What one transaction writes, and what may wait for one.
_MOST_BYTES = 8 * 1024 * 1024
_MOST_ROWS = 500
_MOST_WAITING_BYTES = 64 * 1024 * 1024
# Texts that are known to be stored need not be sent again for a while: shorter than the day by which they are kept.
_KNOWN_S = 600.0
_MOST_KNOWN = 50_000


@dataclass(frozen=True, slots=True)
class Note:
    """A record to be written: its columns, and the texts it refers to."""

    developer_id: UUID
    columns: Mapping[str, Any]
    texts: Mapping[UUID, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes, or a little less."""
        values = sum(len(value) for value in self.columns.values() if isinstance(value, str))
        return values + sum(map(len, self.texts.values()))


class Recorder:
    """Gathers notes. The thread that writes them is there only while there are some."""

    def __init__(self) -> None:
        # Without, notes wait for `flush`.
        self.has_thread = True
        self._lock = threading.Lock()
        self._notes: list[Note] = []
        self._bytes = 0
        self._left_out = 0
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self._known: dict[UUID, float] = {}

    def add(self, note: Note) -> None:
        """Have it written soon."""
        known, moment = self._known, time.monotonic()
        texts = {text_id: text for text_id, text in note.texts.items() if known.get(text_id, 0.0) < moment}
        note = Note(note.developer_id, note.columns, texts)
        size = note.size
        with self._lock:
            if self._bytes + size > _MOST_WAITING_BYTES:
                self._left_out += 1
                return
            self._notes.append(note)
            self._bytes += size
            if self._is_writing or not self.has_thread:
                return
            self._is_writing = True
            if self._thread is None:
                atexit.register(self._end)
            self._thread = threading.Thread(target=self._write_until_empty, name="call-records", daemon=True)
            self._thread.start()

    def flush(self) -> None:
        """Write what is there now."""
        while notes := self._taken():
            write(notes)
            self._know(notes)

    def wait(self, most_s: float | None = None) -> None:
        """Return when the thread has written what was there."""
        if self._thread is not None:
            self._thread.join(most_s)

    def forget(self) -> None:
        """Write nothing of what is there, and take no text for stored."""
        with self._lock:
            self._notes, self._bytes = [], 0
        self._known.clear()

    def _write_until_empty(self) -> None:
        while True:
            time.sleep(_GATHER_S)
            with self._lock:
                if not self._notes:
                    self._is_writing = False
                    return
                left_out, self._left_out = self._left_out, 0
            if left_out:
                log.warning("records of calls left out: too many wait", extra={"calls": left_out})
            try:
                self.flush()
            except Exception:  # whatever it is, the next ones are written
                log.warning("records of calls not written", extra={"action": "calls_not_recorded"}, exc_info=True)
            finally:
                give_connection_back()

    def _end(self) -> None:
        """A process that ends by itself writes what is left."""
        try:
            self.flush()
        except Exception:
            log.warning("records of calls not written", extra={"action": "calls_not_recorded"}, exc_info=True)

    def _taken(self) -> list[Note]:
        """The oldest notes, as many as one transaction writes."""
        with self._lock:
            count = size = 0
            for note in self._notes[:_MOST_ROWS]:
                if count and size + note.size > _MOST_BYTES:
                    break
                count, size = count + 1, size + note.size
            taken, self._notes = self._notes[:count], self._notes[count:]
            self._bytes -= size
            return taken

    def _know(self, notes: Sequence[Note]) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        until = time.monotonic() + _KNOWN_S
        self._known.update((text_id, until) for note in notes for text_id in note.texts)


# In the order of their ids, so that no two processes wait for each other. Of a developer that is gone nothing is kept.
_TEXTS = """
    INSERT INTO calls_calltext (id, developer_id, content, size, is_packed, last_used)
    SELECT t.id, t.developer_id, t.content, t.size, t.is_packed, (now() AT TIME ZONE 'UTC')::date
    FROM unnest(%(ids)s::uuid[], %(developers)s::uuid[], %(contents)s::bytea[], %(sizes)s::int[], %(packed)s::bool[])
         AS t(id, developer_id, content, size, is_packed)
    JOIN agents_developer d ON d.id = t.developer_id
    ORDER BY t.id
    ON CONFLICT (id) DO UPDATE SET last_used = excluded.last_used
    WHERE calls_calltext.last_used < excluded.last_used
"""
_COLUMNS = {
    "id": "uuid",
    "developer_id": "uuid",
    "kind": "text",
    "name": "text",
    "status": "text",
    "key": "text",
    "attempt": "int",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "request": "text",
    "response": "text",
    "error_type": "text",
    "error": "text",
    "pieces": "uuid[]",
    "rest": "uuid[]",
    "tools": "uuid",
    "context": "text",
    "prompt_tokens": "int",
    "completion_tokens": "int",
    "usage_id": "uuid",
    "agent_id": "uuid",
    "task_id": "uuid",
    "session_id": "uuid",
    "execution_id": "uuid",
    "response_id": "uuid",
}
_CALLS = f"""
    INSERT INTO calls_call ({", ".join(_COLUMNS)})
    SELECT {", ".join(f"r.{name}" for name in _COLUMNS)}
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS r({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())})
    JOIN agents_developer d ON d.id = r.developer_id
"""  # noqa: S608


@system_scope()
def write(notes: Sequence[Note]) -> None:
    """Write records with the texts they refer to, all or none."""
    texts = {text_id: (note.developer_id, text) for note in notes for text_id, text in note.texts.items()}
    with transaction.atomic():
        fetch("SELECT set_config('synchronous_commit', 'off', true)")
        if texts:
            contents = [packed(text) for _, text in texts.values()]
            execute(
                _TEXTS,
                {
                    "ids": list(texts),
                    "developers": [developer_id for developer_id, _ in texts.values()],
                    "contents": [content for content, _ in contents],
                    "sizes": [len(text) for _, text in texts.values()],
                    "packed": [is_packed for _, is_packed in contents],
                },
            )
        rows = [{"developer_id": note.developer_id, **note.columns} for note in notes]
        execute(_CALLS, {"rows": orjson.dumps(rows).decode()})


RECORDER = Recorder()
