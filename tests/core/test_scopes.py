"""Scopes are nested, and go along into the threads that do queries."""

import asyncio
from uuid import uuid4

from julep_project.core.database import run_query
from julep_project.core.process.threads import in_thread
from julep_project.core.tenancy import Scope, current_scope, system_scope, tenant_scope

ONE, OTHER = uuid4(), uuid4()


def test_the_innermost_scope_counts() -> None:
    assert current_scope() is None
    with tenant_scope(ONE):
        assert current_scope() == Scope(ONE)
        with system_scope():
            assert current_scope() == Scope(None)
            with tenant_scope(OTHER):
                assert current_scope() == Scope(OTHER)
        assert current_scope() == Scope(ONE)
    assert current_scope() is None


def test_a_scope_ends_with_an_error() -> None:
    try:
        with tenant_scope(ONE):
            raise LookupError
    except LookupError:
        pass
    assert current_scope() is None


def test_a_scope_goes_along_into_threads_and_not_into_the_caller() -> None:
    async def seen() -> list[Scope | None]:
        with tenant_scope(ONE):
            return [await run_query(current_scope), await in_thread(current_scope)]

    async def together() -> list[Scope | None]:
        seen_by_one, (inside,) = await asyncio.gather(seen(), asyncio.gather(run_query(current_scope)))
        return [*seen_by_one, inside, current_scope()]

    assert asyncio.run(together()) == [Scope(ONE), Scope(ONE), None, None]
