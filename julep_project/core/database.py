"""Connections are held for queries only: not between those of an async view, not while the world is awaited."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")

_EXECUTOR = ThreadPoolExecutor(max_workers=8, thread_name_prefix="async-query")


async def run_query(query: Callable[[], Result]) -> Result:
    """Run a blocking query in a thread and give its connection back before returning."""
    return await asyncio.get_running_loop().run_in_executor(_EXECUTOR, _with_own_connection, query)


def give_connection_back() -> None:
    """Hold no connection while something slow is awaited. A caller's own transaction is left alone."""
    if not connection.in_atomic_block:
        connection.close()


def _with_own_connection(query: Callable[[], Result]) -> Result:
    try:
        return query()
    finally:
        give_connection_back()
