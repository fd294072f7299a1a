"""Counts requests against the limits of their developer and key, before their bodies are looked at."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http.response import HttpResponseBase

from julep_project.core.api.auth import Principal
from julep_project.core.database import run_query, run_soon
from julep_project.core.process.threads import in_thread
from julep_project.core.rates.limits import Limits, limits_of, recalled_limits
from julep_project.core.rates.windows import NOT_COUNTED, Taken, end_stream, take


def admit(principal: Principal) -> Taken:
    """Count a request of a resource view.

    Raises:
        TooManyRequests
    """
    limits = limits_of(principal.developer.pk)
    return _take(principal, limits, is_stream=False) if limits.count_requests else NOT_COUNTED


async def admit_stream(principal: Principal) -> Taken:
    """Count a request of an async view, and its stream for as long as `hold_stream` says.

    Raises:
        TooManyRequests, TooManyStreams
    """
    developer_id = principal.developer.pk
    limits = recalled_limits(developer_id)
    if limits is None:
        limits = await run_query(partial(limits_of, developer_id))
    if not limits.count_requests and not limits.streams:
        return NOT_COUNTED
    return await in_thread(partial(_take, principal, limits, is_stream=True))


def hold_stream(taken: Taken, response: HttpResponseBase) -> None:
    """Tell the limits, and count the stream until the response is over."""
    tell(taken.headers, response)
    if taken.stream is None:
        return
    if response.streaming:
        closing: Any = response
        closing._resource_closers.append(partial(end_stream, taken.stream))
    else:
        release(taken)


def release(taken: Taken) -> None:
    """There is no answer: whoever asked has left."""
    if taken.stream is not None:
        run_soon(partial(end_stream, taken.stream))


def tell(headers: Mapping[str, str], response: HttpResponseBase) -> None:
    for name, value in headers.items():
        response.headers[name] = value


def _take(principal: Principal, limits: Limits, *, is_stream: bool) -> Taken:
    key = principal.key_id or principal.actor.kind.value
    return take(principal.developer.pk, str(key), limits, is_stream=is_stream)
