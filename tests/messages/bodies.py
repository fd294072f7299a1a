"""Requests of the messages API."""

from typing import Any

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQK"
PICTURE: dict[str, Any] = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: dict[str, Any] = {
    "name": "weather",
    "type": "custom",
    "description": "The weather of a city.",
    "input_schema": SCHEMA,
    "strict": True,
    "cache_control": {"type": "ephemeral"},
}
USER: dict[str, Any] = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        PICTURE,
        {"type": "image", "source": {"type": "url", "url": "https://tides.example/a.png"}},
        {
            "type": "document",
            "title": "Tides",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "High at noon."}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "Low at six."}]}},
        {
            "type": "search_result",
            "title": "Tides today",
            "source": "https://tides.example/",
            "content": [{"type": "text", "text": "High."}],
            "citations": {"enabled": False},
        },
    ],
}
THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "Look first.", "signature": "sig-1"}
HIDDEN: dict[str, Any] = {"type": "redacted_thinking", "data": "c2VjcmV0"}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}}
SAID: dict[str, Any] = {
    "role": "assistant",
    "content": [THOUGHT, HIDDEN, {"type": "text", "text": "I will look."}, CALL],
}
RESULT: dict[str, Any] = {
    "role": "user",
    "content": [
        {
            "type": "tool_result",
            "tool_use_id": "toolu_1",
            "is_error": True,
            "content": [{"type": "text", "text": "Clouds"}, PICTURE],
        },
        {"type": "text", "text": "Well?"},
    ],
}
# A value for every parameter that is taken.
EVERYTHING: dict[str, Any] = {
    "model": "anthropic/claude-haiku-4-5",
    "max_tokens": 3000,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "messages": [USER, SAID, RESULT],
    "tools": [TOOL],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "metadata": {"user_id": "5551234567"},
    "stop_sequences": ["END"],
    "stream": False,
    "service_tier": "auto",
    "speed": "standard",
    "temperature": 1.0,
    "top_p": 0.9,
    "top_k": 5,
    "cache_control": {"type": "ephemeral"},
}
