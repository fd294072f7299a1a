"""Names of the settings a call of a model may have."""

# The only settings that reach a provider. A closed list: among the many options of the client library are some that
# would send the server's own key to an address the caller names.
SAMPLING = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "temperature",
        "top_logprobs",
        "top_p",
    }
)
# Known to some servers only; see `provider`.
OPEN_MODEL_SAMPLING = frozenset({"length_penalty", "min_p", "repetition_penalty", "top_k"})
# Of an API that others publish, and of nobody else: only who speaks it gives them, with a question that is strict.
# `thinking` is as Anthropic has it.
PASSED_ON = frozenset(
    {
        "audio",
        "metadata",
        "modalities",
        "moderation",
        "n",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "thinking",
        "user",
        "verbosity",
        "web_search_options",
    }
)
