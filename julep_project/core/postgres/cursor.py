"""Django's cursor for Postgres, whose statements take the scope along that code runs in."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from django.db.backends.postgresql import base
from psycopg import ClientCursor, NotSupportedError
from psycopg.pq import TransactionStatus

from julep_project.core.row_security import scoping
from julep_project.core.row_security.scoping import Telling
from julep_project.core.telemetry.statements import note_time


class ScopedCursor(base.CursorMixin, ClientCursor[Any]):
    """Puts what `scoping` says before a statement, into the same message.

    A message of several statements is one transaction. Only statements with their values in the text can be sent so,
    and they are what Django sends.
    """

    _telling: Telling | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        began = time.monotonic()
        try:
            return self._execute(query, params, **options)
        finally:
            note_time(query, began)

    def _execute(self, query: Any, params: Any, **options: Any) -> Self:
        telling = scoping.due(self.connection)
        if telling is None:
            super().execute(query, params, **options)
            return self
        self._telling = telling
        try:
            super().execute(query, params, **options)
        finally:
            self._telling = None
        scoping.note(self.connection)
        return self

    def execute_bare(self, query: Any, params: Any = None) -> None:
        """As the statement is."""
        super().execute(query, params)

    def executemany(self, query: Any, params_seq: Iterable[Any], **options: Any) -> None:
        self._tell_first()
        super().executemany(query, params_seq, **options)

    def stream(self, query: Any, params: Any = None, **options: Any) -> Iterator[Any]:
        self._tell_first()
        return super().stream(query, params, **options)

    def copy(self, statement: Any, params: Any = None, **options: Any) -> Any:
        self._tell_first()
        return super().copy(statement, params, **options)

    def _tell_first(self) -> None:
        """Of what is no single message: in a message before it, which has to be of the same transaction."""
        if scoping.due(self.connection) is None:
            return
        if self.connection.autocommit and self.connection.info.transaction_status == TransactionStatus.IDLE:
            raise NotSupportedError("In the scope of a developer this needs a transaction around it.")
        self.execute("SELECT")

    def _execute_send(self, query: Any, **options: Any) -> None:
        """The text is put together here, behind what the driver remembers of statements by their text: there it would
        have each once for every developer."""
        bare = query.query
        if self._telling is not None:
            query.query = self._telling.text + bare
        try:
            super()._execute_send(query, **options)
        finally:
            query.query = bare

    def _set_results(self, results: Any) -> None:
        if self._telling is not None:
            # The empty statement, by which pools look at a connection, has no result of its own behind another.
            results = results[self._telling.statements :] or results[-1:]
        super()._set_results(results)
