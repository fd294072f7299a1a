"""What becomes of each parameter of the responses and conversations APIs."""

from julep_project.core.reading.surface import Surface, honoured, refused, sent

_TYPES = "openai.types.responses."

RESPONSES = Surface(
    "Responses",
    "POST /v1/responses",
    published=(f"{_TYPES}response_create_params:ResponseCreateParamsStreaming",),
    parameters=(
        honoured("background"),
        refused("context_management", "Ask `POST /v1/responses/compact`."),
        honoured("conversation", "Not together with `previous_response_id`."),
        sent("frequency_penalty", "Of Open Responses.", is_ours=True),
        honoured("include"),
        honoured("input"),
        honoured("instructions"),
        sent("logit_bias", "As in chat completions.", is_ours=True),
        sent("max_output_tokens"),
        sent("max_tokens", "The old name of `max_output_tokens`.", is_ours=True),
        honoured("max_tool_calls", "Counts searches."),
        honoured("metadata", "Kept with the response."),
        honoured("model"),
        refused("moderation", "What it says would not be given back."),
        refused("n", "One answer is given.", idle=(1,), is_ours=True),
        sent("parallel_tool_calls"),
        sent("presence_penalty", "Of Open Responses.", is_ours=True),
        honoured("previous_response_id"),
        refused("prompt", "No prompts are kept here: send `instructions` and `input`."),
        sent("prompt_cache_key"),
        sent("prompt_cache_options"),
        sent("prompt_cache_retention"),
        sent("reasoning", "`effort` is sent; with `summary`, what a provider tells of thoughts comes as one."),
        sent("safety_identifier"),
        sent("service_tier"),
        sent("stop", "As in chat completions.", is_ours=True),
        honoured("store"),
        honoured("stream", "Ends with `data: [DONE]`."),
        honoured("stream_options", "Nothing is obfuscated: `include_obfuscation` may be false."),
        sent("temperature"),
        sent("text", "`format` is checked here too; `verbosity` is sent."),
        sent("tool_choice", "Of `allowed_tools` the others are not told of."),
        sent("tools", "Functions, texts (`custom`) and the searches of this server; other types are refused."),
        sent("top_logprobs"),
        sent("top_p"),
        honoured("truncation"),
        sent("user"),
    ),
)
INPUT_TOKENS = Surface(
    "Input tokens",
    "POST /v1/responses/input_tokens",
    published=(f"{_TYPES}input_token_count_params:InputTokenCountParams",),
    parameters=(
        honoured("conversation"),
        honoured("input"),
        honoured("instructions"),
        honoured("model", "The count is that of its tokenizer, where it is at hand."),
        honoured("parallel_tool_calls", "Changes no number."),
        refused("personality", "Models are not given any here."),
        honoured("previous_response_id"),
        honoured("reasoning", "Changes no number."),
        honoured("text", "Changes no number."),
        honoured("tool_choice"),
        honoured("tools"),
        honoured("truncation"),
    ),
)
COMPACT = Surface(
    "Compaction",
    "POST /v1/responses/compact",
    published=(f"{_TYPES}response_compact_params:ResponseCompactParams",),
    parameters=(
        honoured("input"),
        honoured("instructions"),
        honoured("model"),
        honoured("previous_response_id"),
        sent("prompt_cache_key"),
        sent("prompt_cache_options"),
        sent("prompt_cache_retention"),
        sent("service_tier"),
    ),
)
_CONVERSATIONS = "openai.types.conversations."
CONVERSATIONS = Surface(
    "Conversations",
    "POST /v1/conversations",
    published=(f"{_CONVERSATIONS}conversation_create_params:ConversationCreateParams",),
    parameters=(honoured("items", "At most 20."), honoured("metadata")),
)
CONVERSATION_CHANGES = Surface(
    "Changes of conversations",
    "POST /v1/conversations/{id}",
    published=(f"{_CONVERSATIONS}conversation_update_params:ConversationUpdateParams",),
    parameters=(honoured("metadata"),),
)
CONVERSATION_ITEMS = Surface(
    "Items of conversations",
    "POST /v1/conversations/{id}/items",
    published=(f"{_CONVERSATIONS}item_create_params:ItemCreateParams",),
    parameters=(
        honoured("include", "In the query."),
        honoured("items", "At most 20."),
    ),
)
