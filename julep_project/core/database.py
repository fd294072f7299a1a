"""Database access from async views: no connection is held between two queries."""

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


def _with_own_connection(query: Callable[[], Result]) -> Result:
    try:
        return query()
    finally:
        connection.close()
