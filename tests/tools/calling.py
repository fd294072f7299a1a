"""Has tools called by what tests say of a call in one row."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from agents.models import Developer
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall

_OF_CALLER = {field.name for field in fields(Caller)}
_OF_CALL = {field.name for field in fields(WantedCall)}


def call_tool(
    developer: Developer, tool: Mapping[str, Any], arguments: Any, *, idempotency_key: str = "k", **options: Any
) -> Any:
    """The result of a call, whoever the options tell of: the caller, the call, or what was decided of it."""
    of_caller = {name: options.pop(name) for name in _OF_CALLER & options.keys()}
    of_call = {name: options.pop(name) for name in _OF_CALL & options.keys()}
    wanted = WantedCall(tool, arguments, **of_call)
    return run_tool(Caller(developer, idempotency_key, **of_caller), wanted, **options)
