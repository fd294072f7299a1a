"""Connections are held for queries only, and no query holds up another kind of work.

Not between the queries of an async view, not while the world is awaited; and every connection of a server process has
limits for what a statement takes, waits for a lock, and leaves a transaction open.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from psycopg.pq import TransactionStatus

from julep_project.core.process.once import Once
from julep_project.core.process.threads import run_in

Result = TypeVar("Result")


log = logging.getLogger(__name__)


class Threads(StrEnum):
    """Threads for the queries of async views, apart, so that none waits for those of another kind.

    `QUICK` is for what a chat or a stream cannot begin or end without: authentication, turns, messages. `READING` is
    for pages that may have to be fetched from the file storage. `SEARCH` is for searches and whatever else may take
    the database long.
    """

    QUICK = "quick"
    READING = "reading"
    SEARCH = "search"


class Use(StrEnum):
    """What a process uses the database for, which decides how long things may take. `COMMAND` has no limits."""

    COMMAND = "command"
    API = "api"
    ENGINE = "engine"
    IO = "io"
    MAINTENANCE = "maintenance"


# By the patience they need, so that a worker of several queues has enough of it for each.
_BY_PATIENCE = (Use.API, Use.ENGINE, Use.IO, Use.MAINTENANCE)
_use = Use.COMMAND


def use_database_as(use: Use) -> None:
    """Say what this process is, before its first connection. Child processes inherit it."""
    global _use
    _use = use


def used_as() -> Use:
    return _use


def use_of_queues(queues: Collection[str]) -> Use:
    """What a worker of these queues is: the most patient of them."""
    known = [use for use in _BY_PATIENCE if use.value in queues]
    return known[-1] if known else Use.MAINTENANCE


def set_up_session(raw: Any) -> bool:
    """Give a connection of the driver the limits of this process, and how plans are made; True when it sent something.

    As settings of the session and not as options of the connection, which poolers refuse. Where the limits are 0,
    none is sent: those of the role or the server count.
    """
    chosen = {**_limits(), **(_INDEXES_ONLY if _use in _WORKERS else {})}
    if chosen:
        _set(raw, chosen)
    return bool(chosen)


# What workers ask goes by indexes. A plan that was made while a table was small would read all of it, and is kept until
# the table is analysed: up to a minute, in which a flood of runs makes it large.
_WORKERS = (Use.ENGINE, Use.IO, Use.MAINTENANCE)
_INDEXES_ONLY = {"enable_seqscan": "off", "jit": "off"}
_LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def _limits() -> dict[str, str]:
    seconds = settings.DATABASE_TIMEOUTS.get(_use.value)
    return dict(zip(_LIMITS, map(_ms, seconds), strict=True)) if seconds and any(seconds) else {}


def _set(raw: Any, chosen: Mapping[str, str]) -> None:
    with raw.cursor() as cursor:
        cursor.execute(_SET, [list(chosen), list(chosen.values())])


_SET = "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS chosen(name, value)"


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


@contextmanager
def without_limits() -> Iterator[None]:
    """Let the statements of the block take as long as they take, for the building of indexes."""
    execute(_SET, [list(_LIMITS), ["0"] * len(_LIMITS)])
    try:
        yield
    finally:
        _limit_again(connection.connection)


def _limit_again(raw: Any) -> None:
    """What the server would set by itself, then our own. A transaction that failed takes its settings back itself."""
    if raw is None or raw.closed or raw.info.transaction_status == TransactionStatus.INERROR:
        return
    with raw.cursor() as cursor:
        cursor.execute("; ".join(f"RESET {name}" for name in _LIMITS))
    if limits := _limits():
        _set(raw, limits)


@contextmanager
def leaving_no_connection() -> Iterator[None]:
    """Let the block query, and have no more connections afterwards than before: for what runs before a process forks,
    or where none is needed later."""
    was_there = connection.connection is not None
    try:
        yield
    finally:
        if not was_there:
            wrapper: Any = connection
            wrapper.close()
            if wrapper.alias in wrapper._connection_pools:
                wrapper.close_pool()


async def run_query(query: Callable[[], Result], threads: Threads = Threads.QUICK) -> Result:
    """Run a blocking query in a thread of that kind and give its connection back before returning."""
    return await run_in(_executor(threads), partial(_with_own_connection, query))


def run_soon(query: Callable[[], object]) -> None:
    """Have a blocking query run in such a thread, and do not wait for it. What it raises is logged."""
    context = copy_context()

    def run() -> None:
        try:
            context.run(_with_own_connection, query)
        except Exception:
            log.warning("a query that nobody waits for failed", exc_info=True)

    _executor(Threads.QUICK).submit(run)


_is_whole: ContextVar[bool] = ContextVar("whole_transaction", default=False)


@contextmanager
def whole_transaction() -> Iterator[None]:
    """One transaction around all that a request does, by code that takes each of its own for the outermost."""
    token = _is_whole.set(True)
    try:
        with transaction.atomic():
            yield
    finally:
        _is_whole.reset(token)


def commit_apart(query: Callable[[], Result]) -> Result:
    """What a blocking query gives, committed at once even inside of a `whole_transaction`."""
    if not _is_whole.get():
        return query()
    return _executor(Threads.QUICK).submit(copy_context().run, _with_own_connection, query).result()


def execute(statement: Any, arguments: Any = None) -> int:
    """Run a statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return int(cursor.rowcount)


def fetch(statement: Any, arguments: Any = None) -> list[Any]:
    """The rows that a statement gives."""
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return list(cursor.fetchall())


def give_connection_back() -> None:
    """Hold no connection while something slow is awaited. A caller's own transaction is left alone."""
    if not connection.in_atomic_block:
        connection.close()


def _with_own_connection(query: Callable[[], Result]) -> Result:
    try:
        return query()
    finally:
        give_connection_back()


@Once
def _executor(threads: Threads) -> Executor:
    # A query is what a request that was let in waits for: an id or two, or the words and the vector of a search.
    size = settings.API_SEARCH_THREADS if threads is Threads.SEARCH else settings.API_QUERY_THREADS
    return ThreadPoolExecutor(max_workers=size, thread_name_prefix=f"query-{threads.value}")


def has_more_than(rows: "QuerySet[Any]", most: int) -> bool:
    """Whether there are more rows than that. No more are read, in whatever order they are found cheapest."""
    return rows.order_by()[: most + 1].count() > most
