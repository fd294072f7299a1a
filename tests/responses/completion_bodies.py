"""Bodies of chat completions that have everything that is published."""

from typing import Any

FUNCTION = {
    "name": "weather",
    "description": "Of a day",
    "parameters": {"type": "object", "required": ["day"]},
    "strict": True,
}
MARK = {"prompt_cache_breakpoint": {"mode": "explicit"}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "developer", "content": [{"type": "text", "text": "Be brief.", **MARK}], "name": "ada"},
    {
        "role": "user",
        "name": "bob",
        "content": [
            {"type": "text", "text": "Hi", **MARK},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}, **MARK},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}, **MARK},
            {"type": "file", "file": {"file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"}, **MARK},
            {"type": "file", "file": {"file_id": "file-1"}},
        ],
    },
    {
        "role": "assistant",
        "name": "cy",
        "audio": {"id": "audio_1"},
        "refusal": "No",
        "content": [{"type": "text", "text": "Well", **MARK}, {"type": "refusal", "refusal": "No"}],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "sun", **MARK}]},
    {"role": "assistant", "content": "Sun."},
]
# As they arrive.
SENT: dict[str, Any] = {
    "messages": MESSAGES,
    "audio": {"format": "mp3", "voice": "alloy"},
    "frequency_penalty": 0.5,
    "logit_bias": {"5": 1},
    "logprobs": True,
    "max_completion_tokens": 50,
    "max_tokens": 60,
    "metadata": {"topic": "tides"},
    "modalities": ["text", "audio"],
    "n": 2,
    "moderation": {
        "model": "omni-moderation-latest",
        "policy": {"input": {"mode": "score"}, "output": {"mode": "block"}},
    },
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": [{"type": "text", "text": "High tide", **MARK}]},
    "presence_penalty": -0.5,
    "prompt_cache_key": "key",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {
        "type": "json_schema",
        "json_schema": {
            "name": "x",
            "description": "A form",
            "strict": True,
            "schema": {"type": "object", "required": ["a"]},
        },
    },
    "safety_identifier": "somebody",
    "seed": 7,
    "service_tier": "flex",
    "stop": ["END"],
    "store": False,
    "temperature": 0.25,
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "tools": [{"type": "function", "function": FUNCTION}],
    "top_logprobs": 2,
    "top_p": 0.75,
    "user": "ada",
    "verbosity": "low",
    "web_search_options": {
        "search_context_size": "low",
        "user_location": {
            "type": "approximate",
            "approximate": {"city": "Rome", "country": "IT", "region": "Lazio", "timezone": "Europe/Rome"},
        },
    },
    "length_penalty": 1.5,
    "min_p": 0.1,
    "repetition_penalty": 1.1,
    "top_k": 40,
}
WHOLE = {
    **SENT,
    "model": "gpt-4o",
    "stream": False,
    "stream_options": {"include_usage": False, "include_obfuscation": False},
}
# Other forms of some of it.
_ALLOWED = {"mode": "required", "tools": [{"type": "function", "function": {"name": "weather"}}]}
OTHERS: list[dict[str, Any]] = [
    {"tool_choice": {"type": "allowed_tools", "allowed_tools": _ALLOWED}},
    {"audio": {"format": "mp3", "voice": {"id": "voice_1"}}},
    {
        "messages": [
            {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}},
            {"role": "function", "name": "weather", "content": "sun"},
        ]
    },
]
# Of the published form, below what is taken: neither tools whose arguments are no JSON, nor what they were called with.
REFUSED = ("messages[].tool_calls[].custom", "tool_choice.custom", "tools[].custom", "functions", "function_call")
# Objects with names of the caller's own.
FREE = (
    "logit_bias",
    "metadata",
    "response_format.json_schema.schema",
    "tools[].function.parameters",
    "tool_choice.allowed_tools.tools[]",
)
