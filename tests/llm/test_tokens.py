"""Counting tokens without the network."""

from typing import Any

import pytest

from agents.llm.tokens import context_window, count_text, count_tokens

TEXT = "The quick brown fox jumps over the lazy dog."
MODELS = [
    "gpt-4o",
    "gpt-4o-mini",
    "openai/model-of-ours",
    "claude-haiku-4-5",
    "gemini/gemini-2.5-flash",
    "command-r",
    "meta-llama/llama-3-8b",
    "replicate/llama-2-70b",
    "text-davinci-003",
    "gpt2",
    "ollama/llama3",
    "no such model",
    "",
]


def user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def test_known_numbers() -> None:
    """Those of the model's own tokenizer."""
    assert count_text("gpt-4o", TEXT) == 10
    assert count_tokens("gpt-4o", user(TEXT)) == 17


@pytest.mark.parametrize("model", [*MODELS, "offline/echo"])
def test_any_model_has_a_number_that_grows_with_the_prompt(model: str) -> None:
    tool = {"name": "weather", "type": "function", "function": {"parameters": {"type": "object", "properties": {}}}}
    said = [*user(TEXT), {"role": "assistant", "content": None, "tool_calls": [
        {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    ]}]  # fmt: skip

    one, two, three, four = (
        count_tokens(model, user(TEXT)),
        count_tokens(model, said),
        count_tokens(model, said, [tool]),
        count_tokens(model, [*said, {"role": "tool", "tool_call_id": "1", "content": TEXT}], [tool]),
    )

    assert 8 < one < 30
    assert one < two < three < four < 150


@pytest.mark.parametrize("model", ["gpt-4o", "offline/echo"])
@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": ["one", "two"]},
        {"role": "user", "content": [{"type": "tool_result", "content": "x", "tool_use_id": "1"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "unheard-of", "what": [1]}]},
        {"role": "user", "content": 17},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "user", "content": "\ud800"},
        {"role": "user", "content": "<|endoftext|>"},
        {"role": "tool"},
        {},
    ],
)
def test_odd_messages_are_counted_too(model: str, message: dict[str, Any]) -> None:
    assert count_tokens(model, [message]) >= 3


def test_an_image_is_never_fetched_and_has_its_price() -> None:
    """A look-up would fail the test."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "high"}}

    assert count_tokens("gpt-4o", user([part])) > 80
    assert count_tokens("offline/echo", user([part])) > 80


@pytest.mark.parametrize("text", ["a" * 300_000, " " * 300_000, "日本" * 50_000])
@pytest.mark.timeout(30)
def test_long_texts_are_counted_in_good_time(text: str) -> None:
    assert count_text("gpt-4o", text) > 500


def test_windows() -> None:
    assert context_window("gpt-4o-mini") == 128_000
    assert context_window("openai/gpt-4o-mini") == 128_000
    assert context_window("gemini/gemini-2.5-flash") == 1_048_576
    assert context_window("mistral/gpt-4o-mini") is None
    assert context_window("openai/model-of-ours") is None
    assert context_window("offline/echo") is None
    assert context_window("ollama/no-such-model") is None
