"""What becomes of each parameter that Anthropic publishes for its messages API."""

from julep_project.core.reading.surface import Surface, honoured, refused, sent

_NONE = "There are no such things here"
_NOTHING = "Checked; it adds nothing to the count."

_ONE_SPEED = refused("speed", "Models have one speed here.", idle=("standard",))
_BETAS = (
    refused("betas", "Send them as the header `anthropic-beta`, which changes nothing here."),
    refused("billing_policy", _NONE),
    refused("compaction", "Conversations are sent as they are."),
    refused("context_management", "Conversations are sent as they are."),
    refused("mcp_servers", "Nothing is run at the provider.", idle=([],)),
)
_HEADERS = (
    refused("user_profile_id", f"{_NONE}, nor in the header `anthropic-user-profile-id`."),
    refused("workspace_id", f"{_NONE}, nor in the header `anthropic-workspace-id`."),
)

MESSAGES = Surface(
    "Messages",
    "POST /v1/messages",
    published=(
        "anthropic.types.message_create_params:MessageCreateParamsStreaming",
        "anthropic.types.beta.message_create_params:MessageCreateParamsStreaming",
    ),
    parameters=(
        honoured("model", "Any model this server knows."),
        sent("messages", "Text, images, documents, search results, thinking, tool use and its results."),
        sent("system"),
        sent("max_tokens", "At least 1."),
        honoured("stream", "Events, with `ping` where there is nothing to say for long."),
        sent("stop_sequences"),
        sent("tools", "Tools of the client; those that run at the provider are refused by name."),
        sent("tool_choice"),
        sent("thinking", "Where models are told an effort instead, as that; refused where they are told neither."),
        sent("output_config", "`effort`; `format`, which is checked here, too."),
        sent("metadata", "`user_id`."),
        sent(
            "cache_control",
            "Marks the last block. Such marks go to Claude; other providers keep prompts as they please.",
        ),
        sent("service_tier", "`auto` is what providers do by themselves."),
        sent("temperature", "0 to 1.", is_ours=True),
        sent("top_p", "0 to 1.", is_ours=True),
        sent("top_k", is_ours=True),
        refused("container", "Nothing is run at the provider."),
        refused("diagnostics", "Earlier messages are not kept."),
        refused("inference_geo", "Where a model runs is its provider's."),
        refused("fallback_credit_token", _NONE),
        refused("fallbacks", "One model is asked.", idle=([],)),
        refused("thread", "Send the whole conversation, as the tool runner of the client then does."),
        _ONE_SPEED,
        *_BETAS,
        *_HEADERS,
    ),
)

COUNT_TOKENS = Surface(
    "Counted tokens",
    "POST /v1/messages/count_tokens",
    published=(
        "anthropic.types.message_count_tokens_params:MessageCountTokensParams",
        "anthropic.types.beta.message_count_tokens_params:MessageCountTokensParams",
    ),
    parameters=(
        honoured("model"),
        honoured("messages"),
        honoured("system"),
        honoured("tools"),
        *(honoured(name, _NOTHING) for name in ("tool_choice", "thinking", "output_config", "cache_control")),
        _ONE_SPEED,
        *_BETAS,
        *_HEADERS,
    ),
)

MODELS = Surface(
    "Models of Anthropic's API",
    "GET /v1/models",
    published=("anthropic.types.model_list_params:ModelListParams",),
    parameters=(
        honoured("limit", "1 to 1000, 20 without it."),
        honoured("after_id"),
        honoured("before_id"),
        honoured("lifecycle", "All models are active here."),
        _HEADERS[1],
    ),
)
