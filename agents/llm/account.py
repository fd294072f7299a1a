"""The account of a call, kept at the two doors to models: what is set aside before it, and what it used after it."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings

from agents.calls.models import CallKind
from agents.calls.purpose import current_purpose
from agents.calls.recording import Attempt
from agents.llm.own.offline import is_offline
from agents.llm.own.scripted import active_script
from agents.llm.providers import provider
from agents.llm.request import ModelRequest
from agents.llm.tokens import count_tokens, count_tokens_of
from agents.llm.usage import token_count
from agents.models import Agent, Developer
from agents.spending import ledger, limits
from agents.spending.attribution import Attribution, current_attribution
from agents.spending.ledger import Call, Reservation, Used
from agents.spending.totals import unknown_price
from julep_project.core.database import give_connection_back, run_query
from julep_project.core.json_value import Json
from julep_project.core.process.cancellation import uninterrupted
from julep_project.core.process.threads import in_thread
from julep_project.core.telemetry.calls import SeenCall

Amount = Callable[[], Decimal]


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays for a question, and what it is for: as is said where it is made. `kind` is what is asked for."""

    developer: Developer
    model: str
    is_callers: bool
    metadata: Mapping[str, Json] = field(default_factory=dict)
    kind: str = "model"
    attribution: Attribution = field(default_factory=current_attribution)

    @classmethod
    def of_agent(cls, developer: Developer, agent: Agent | None, **options: Any) -> "Account":
        """The account of a question for an agent."""
        return cls(developer, attribution=current_attribution().of_agent(agent), **options)

    def reserve(self, amount: Amount) -> "Payment":
        """Set aside what one call may cost; no connection is held afterwards.

        Raises:
            CostLimitExceeded
        """
        call = self._call()
        if self._costs_nothing or ledger.is_free_of_limits(call):
            return self._payment(Reservation(call, is_stored=False))
        try:
            return self._payment(ledger.reserve(call, amount))
        finally:
            give_connection_back()

    async def areserve(self, amount: Amount) -> "Payment":
        """`reserve` for async code. Tokens are not counted on the threads that all queries share."""
        call = self._call()
        if self._costs_nothing:
            return self._payment(Reservation(call, is_stored=False))
        if ledger.is_free_of_limits(call) is None:
            await run_query(partial(limits.in_force, self.developer))
        if ledger.is_free_of_limits(call):
            return self._payment(Reservation(call, is_stored=False))
        wanted = await in_thread(amount)
        return self._payment(await run_query(partial(ledger.reserve, call, lambda: wanted)))

    def _payment(self, reservation: Reservation) -> "Payment":
        return Payment(reservation, SeenCall(self.kind, self.model))

    @property
    def _costs_nothing(self) -> bool:
        return is_offline(self.model) and active_script() is None

    def _call(self) -> Call:
        return Call(self.developer, self.model, self.attribution, self.is_callers, self.metadata)


@dataclass(frozen=True, slots=True)
class Payment:
    """One call that may be made, and is settled whatever comes of it. `seen` is told how it goes."""

    reservation: Reservation
    seen: SeenCall

    def begin(self, kind: CallKind = CallKind.MODEL) -> Attempt:
        """The call begins now: what is kept of it beside its account."""
        call, purpose = self.reservation.call, current_purpose()
        response_id = call.metadata.get("response_id")
        if isinstance(response_id, str):
            purpose = replace(purpose, response_id=UUID(response_id))
        return Attempt.begin(
            kind, call.model, call.developer.pk, attribution=call.attribution, purpose=purpose, usage_id=call.id
        )

    def settle(self, usage: Mapping[str, Any], cost: Decimal | None, *, estimated: bool) -> None:
        """Write what the call used. `estimated`: its tokens were counted here."""
        prompt, completion = (token_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens"))
        self.seen.end_of_model(prompt, completion, cost)
        ledger.settle(self.reservation, Used(prompt, completion, cost, estimated))

    @contextmanager
    def until_answered(self, *, is_asked: bool = True) -> Iterator[None]:
        """A call that fails in this block used nothing; of one that is stopped nobody knows. Not `is_asked`: there is
        nothing to ask for."""
        if is_asked:
            self.seen.begin()
        try:
            yield
        except Exception as error:
            self.seen.fail(error)
            ledger.release(self.reservation)
            raise
        except BaseException as error:
            self.seen.fail(error)
            ledger.give_up(self.reservation)
            raise

    @asynccontextmanager
    async def until_answered_async(self, *, is_asked: bool = True) -> AsyncIterator[None]:
        """`until_answered` for async code."""
        if is_asked:
            self.seen.begin()
        try:
            yield
        except Exception as error:
            self.seen.fail(error)
            await self.end_async(ledger.release)
            raise
        except BaseException as error:
            self.seen.fail(error)
            await self.end_async(ledger.give_up)
            raise

    async def end_async(self, end: Callable[[Reservation], None] = ledger.release) -> None:
        """Let go of what was set aside."""
        if self.reservation.is_stored:
            await uninterrupted(run_query(partial(end, self.reservation)))


def price(model: str, usage: Mapping[str, Json], tier: Json = None) -> Decimal | None:
    """What this much costs; None when no price is known. `tier`: of the service, as the provider told it."""
    return None if active_script() is not None else provider.price_of(model, usage, tier)


def amount_of_answer(request: ModelRequest) -> Decimal:
    """What a call may cost: its prompt with the longest answer it allows, else `RESERVED_PER_CALL_USD`."""
    longest = _longest_answer(request.settings)
    prompt = count_tokens(request.model, request.messages, request.tools)
    cost = price(request.model, {"prompt_tokens": prompt, "completion_tokens": longest or 0})
    if cost is None:
        return Decimal(unknown_price())
    return cost if longest is not None else max(cost, settings.RESERVED_PER_CALL_USD)


def amount_of_vectors(model: str, texts: Sequence[str] | Sequence[list[int]]) -> Decimal:
    """What the vectors of texts cost."""
    if not texts:
        return Decimal(0)
    cost = provider.price_of(model, {"prompt_tokens": sum(count_tokens_of(model, text) for text in texts)})
    return Decimal(unknown_price()) if cost is None else cost


def _longest_answer(settings_: Mapping[str, Json]) -> int | None:
    bounds = [token_count(settings_.get(name)) for name in ("max_completion_tokens", "max_tokens")]
    given = [bound for bound in bounds if bound]
    answers = token_count(settings_.get("n")) or 1
    return max(given) * answers if given else None
