"""Which limits count for a developer. Known for a few seconds in each process, so that a request asks nobody."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from julep_project.core.process.remembered import Memory
from julep_project.core.rates.models import TenantRates
from julep_project.core.tenancy import system_scope


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


# For so long a process may not have heard of a change.
_known: Memory[UUID, Limits] = Memory(most=10_000, for_s=5.0)


def recalled_limits(developer_id: UUID) -> Limits | None:
    """The limits, if they are known."""
    return _known.recall(developer_id)


def limits_of(developer_id: UUID) -> Limits:
    """The limits; read from the database when they are not known."""
    return _known.find(developer_id, _read)


def forget_limits() -> None:
    """Have them read anew."""
    _known.forget_all()


@system_scope()
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
