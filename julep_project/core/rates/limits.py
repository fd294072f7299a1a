"""Which limits count for a developer. Known for a few seconds in each process, so that a request asks nobody."""

import time
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from julep_project.core.rates.models import TenantRates
from julep_project.core.tenancy import system_scope

# How late a process hears of a change.
_KNOWN_FOR_S = 5.0
_MOST_KNOWN = 10_000

_known: dict[UUID, tuple[float, "Limits"]] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a minute of all keys and of each, open streams, and runs at work; 0 is no limit."""

    requests: int
    key_requests: int
    streams: int
    runs: int

    @property
    def count_requests(self) -> bool:
        """Whether a request that opens no stream has to be counted."""
        return bool(self.requests or self.key_requests)


def recalled_limits(developer_id: UUID) -> Limits | None:
    """The limits, if they are known."""
    told = _known.get(developer_id)
    return told[1] if told is not None and told[0] > time.monotonic() else None


def limits_of(developer_id: UUID) -> Limits:
    """The limits; read from the database when they are not known."""
    limits = recalled_limits(developer_id)
    if limits is None:
        with system_scope():
            limits = _read(developer_id)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[developer_id] = (time.monotonic() + _KNOWN_FOR_S, limits)
    return limits


def forget_limits() -> None:
    """Have them read anew."""
    _known.clear()


def _read(developer_id: UUID) -> Limits:
    own = TenantRates.objects.filter(pk=developer_id).first() or TenantRates()

    def chosen(value: int | None, usual: int) -> int:
        return usual if value is None else value

    return Limits(
        requests=chosen(own.requests_per_minute, settings.TENANT_REQUESTS_PER_MINUTE),
        key_requests=chosen(own.key_requests_per_minute, settings.KEY_REQUESTS_PER_MINUTE),
        streams=chosen(own.streams, settings.TENANT_STREAMS),
        runs=chosen(own.runs, settings.TENANT_RUNS),
    )
