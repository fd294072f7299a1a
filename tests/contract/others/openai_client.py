"""What a program made with the next major version of the `openai` client does, on every surface it knows of."""

import json
import sys
from typing import Any

from openai import BadRequestError, OpenAI, __version__

MODEL = "gpt-4o"
WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}


def converse(client: OpenAI) -> dict[str, Any]:
    """A tool is asked for and answered in a conversation, which is streamed, read and deleted."""
    conversation = client.conversations.create(items=[{"role": "developer", "content": "Be brief."}])
    [call] = client.responses.create(
        model=MODEL, input="Weather?", tools=[WEATHER], conversation=conversation.id
    ).output
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": f"sun in {call.name}"}
    with client.responses.stream(model=MODEL, input=[result], conversation=conversation.id) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_response()
    kept = list(client.conversations.items.list(conversation.id, limit=2))
    client.conversations.delete(conversation.id)
    counted = client.responses.input_tokens.count(model=MODEL, input="Hello.").input_tokens
    again = client.responses.retrieve(answer.id)
    return {
        "text": answer.output_text.strip(),
        "read again": again.output_text == answer.output_text,
        "last": kinds[-1],
        "kept": len(kept),
        "counted": counted,
    }


def chat(client: OpenAI) -> dict[str, Any]:
    """An answer, a streamed one, a refusal, and a mistake."""
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "And now?"}]}
    whole = client.chat.completions.create(**asked, seed=7, user="ada").choices[0].message.content
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    refused = client.chat.completions.create(**asked).choices[0].message.refusal
    try:
        client.chat.completions.create(**asked, stream=True, n=2)
    except BadRequestError as error:
        mistake = error.param
    return {"whole": whole, "streamed": said.strip(), "usage": chunks[-1].usage, "refused": refused, "param": mistake}


def embed(client: OpenAI) -> list[int]:
    """Vectors of two texts."""
    vectors = client.embeddings.create(model="offline/hashing", input=["a tide", "bread"]).data
    return [len(row.embedding) for row in vectors]


with OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0, timeout=60) as made:
    told = {
        "conversation": converse(made),
        "chat": chat(made),
        "vectors": embed(made),
        "models": [model.id for model in made.models.list()],
        "version": __version__,
    }
print(json.dumps(told, default=lambda usage: usage.completion_tokens))
