"""What the client library would do to questions and answers of its own accord, and does not do here.

Some of it is off unless a variable of the environment or other code of the process says otherwise; here it is off
whatever those say.
"""

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple


class Off(NamedTuple):
    """The value with which something does not happen, and why it must not."""

    value: Any
    why: str


_ADDED = "adds what nobody asked for to a question"
_CHANGED = "changes what is asked"
_TWICE = "asks again, or somebody else, unseen: that is for us to decide and to write down"
_ANSWERS = "changes or judges answers"
_SENT = "hands questions and answers to others"

SWITCHED_OFF: Mapping[str, Off] = {
    "REPEATED_STREAMING_CHUNK_LIMIT": Off(sys.maxsize, "ends a stream that says the same a hundred times"),
    "add_function_to_prompt": Off(False, _ADDED),
    "add_user_information_to_llm_headers": Off(None, _ADDED),
    "cache": Off(None, "gives an earlier answer for a new one"),
    "callbacks": Off([], _SENT),
    "content_policy_fallbacks": Off(None, _TWICE),
    "context_window_fallbacks": Off(None, _TWICE),
    "custom_prompt_dict": Off({}, _CHANGED),
    "default_fallbacks": Off(None, _TWICE),
    "enable_anthropic_prompt_caching": Off(False, _CHANGED),
    "enable_gemini_default_thinking_level_low": Off(False, _CHANGED),
    "enable_json_schema_validation": Off(False, "checks answers against schemas, as we do for everybody in one place"),
    "failure_callback": Off([], _SENT),
    "fallbacks": Off(None, _TWICE),
    "guardrail_name_config_map": Off({}, _ANSWERS),
    "include_cost_in_streaming_usage": Off(False, "counts every answer once more"),
    "input_callback": Off([], _SENT),
    "max_budget": Off(0.0, "refuses questions over a budget of the process"),
    "model_alias_map": Off({}, "asks another model than the one that was named"),
    "model_fallbacks": Off(None, _TWICE),
    "modify_params": Off(False, _CHANGED),
    "network_mock": Off(False, "invents answers"),
    "num_retries": Off(None, _TWICE),
    "num_retries_per_request": Off(None, _TWICE),
    "openai_system_messages_first": Off(False, _CHANGED),
    "output_parse_pii": Off(False, _ANSWERS),
    "post_call_rules": Off([], _ANSWERS),
    "pre_call_rules": Off([], "refuses questions by rules of others"),
    "reasoning_auto_summary": Off(False, _CHANGED),
    "route_all_chat_openai_to_responses": Off(False, "asks in another protocol than the one that is spoken here"),
    "service_callback": Off([], _SENT),
    "success_callback": Off([], _SENT),
    "use_litellm_proxy": Off(False, "sends all questions to another address"),
}
# Read from the environment into the library's constants.
SWITCHED_OFF_CONSTANTS: Mapping[str, Off] = {
    "LITELLM_MAX_STREAMING_DURATION_SECONDS": Off(None, "ends streams that take long, which deadlines here do"),
}


def switch_off(library: Any, constants: ModuleType) -> None:
    """Set all of it, once, before the first question."""
    for target, settings in ((library, SWITCHED_OFF), (constants, SWITCHED_OFF_CONSTANTS)):
        for name, off in settings.items():
            setattr(target, name, type(off.value)(off.value) if isinstance(off.value, list | dict) else off.value)
