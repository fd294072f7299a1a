"""The providers this server runs, and how a tool of the kind `integration` becomes a call of one."""

import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from agents.tools.errors import Delivery, ToolError
from agents.tools.integrations import providers
from agents.tools.integrations.method import ACCESS_TOKEN, NOBODY, IntegrationCall, Method, People
from agents.tools.registry import ToolCall
from agents.tools.secrecy import hiding
from agents.tools.signing_in import CONNECTION, SignIn, in_the_name_of
from julep_project.core.health.checks import CHECKS
from julep_project.core.limits import LONGEST_ATTEMPT_S


@cache
def all_methods() -> Mapping[str, tuple[Method, ...]]:
    """Methods by their provider."""
    return {name: import_module(f"{providers.__name__}.{name}").METHODS for name in providers.run_here()}


def find_method(spec: Mapping[str, Any]) -> Method | None:
    """The method a definition means; without a name the first of its provider."""
    methods = all_methods().get(str(spec.get("provider")), ())
    name = spec.get("method")
    return next((method for method in methods if name is None or method.name == name), None)


def run(call: ToolCall) -> Any:
    """Check setup and arguments, and call the provider.

    Raises:
        ToolError
    """
    method = find_method(call.spec)
    if method is None:
        raise ToolError(_missing(call.spec))
    wanted = SignIn.wanted_by(call, call.spec.get(CONNECTION))
    if wanted is not None:
        return in_the_name_of(wanted, call, partial(_with_token, method))
    return _run(method, call, call.spec.get("setup") or {})


def _with_token(method: Method, call: ToolCall, token: str) -> Any:
    """Call a method in somebody's name, whatever account the setup has."""
    if not method.takes_token:
        raise ToolError(f"{method.provider} works in nobody's name", delivery=Delivery.NOT_SENT)
    return call.hidden.value(_run(method, call, {**(call.spec.get("setup") or {}), ACCESS_TOKEN: token}))


def _run(method: Method, call: ToolCall, setup: Mapping[str, Any]) -> Any:
    return run_method(
        method,
        call.arguments,
        setup=setup,
        idempotency_key=call.idempotency_key,
        timeout_s=call.timeout_s,
        people=People(call.may_wait, call.is_repeatable, call.given),
    )


def run_method(
    method: Method,
    arguments: Mapping[str, Any],
    *,
    setup: Mapping[str, Any],
    idempotency_key: str,
    timeout_s: float | None = None,
    people: People = NOBODY,
) -> Any:
    """Call a method. Keys that the setup leaves out are those of the server.

    Raises:
        ActionNeeded: people are asked something first. ToolError
    """
    own = {name: getattr(settings, setting) for name, setting in method.server_keys.items()}
    whole = method.checked_setup(setup, {name: key for name, key in own.items() if key})
    with hiding({"setup": own}):
        return method.run(
            IntegrationCall(
                provider=method.provider,
                setup=whole,
                arguments=method.checked_arguments(arguments),
                idempotency_key=idempotency_key,
                ends_at=time.monotonic() + (timeout_s or LONGEST_ATTEMPT_S),
                people=people,
            )
        )


@register(CHECKS)
def check_addresses(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A provider that nobody knows would be configured in vain."""
    unknown = sorted(set(settings.INTEGRATION_ADDRESSES) - set(providers.run_here()))
    if not unknown:
        return []
    hint = f"Providers of this server: {', '.join(providers.run_here())}."
    return [Error(f"INTEGRATION_ADDRESSES names {', '.join(unknown)}: not run by this server.", hint, id="julep.E002")]


def _missing(spec: Mapping[str, Any]) -> str:
    provider, name = spec.get("provider"), spec.get("method")
    methods = all_methods().get(str(provider))
    if methods:
        known = ", ".join(method.name for method in methods)
        return f"the provider {provider!r} has no method {name!r} (it has: {known})"
    return f"the provider {provider!r} is not run by this server (it runs: {', '.join(all_methods())})"
