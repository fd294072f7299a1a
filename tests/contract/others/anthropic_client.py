"""What a program made with an earlier major version of the `anthropic` client does."""

import json
import sys
from collections.abc import Callable
from typing import Any

from anthropic import Anthropic, APIStatusError, AuthenticationError, BadRequestError, NotFoundError, __version__

HI: Any = [{"role": "user", "content": "Hi"}]
ASK: Any = {"model": "gpt-4o", "max_tokens": 100, "messages": HI}
WEATHER: Any = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}


def look(client: Anthropic) -> dict[str, Any]:
    """A tool is asked for and answered."""
    asking = client.messages.create(**ASK, tools=[WEATHER])
    [call] = asking.content
    result = {"type": "tool_result", "tool_use_id": call.id, "content": f"sun in {call.input['city']}"}
    said = [*HI, {"role": "assistant", "content": asking.content}, {"role": "user", "content": [result]}]
    answer = client.messages.create(**{**ASK, "messages": said}, tools=[WEATHER])
    return {"reason": asking.stop_reason, "text": answer.content[0].text}


def stream(client: Anthropic) -> dict[str, Any]:
    """One that comes to its end, and one that breaks off."""
    with client.messages.stream(**ASK) as whole:
        text = "".join(whole.text_stream)
        used = whole.get_final_message().usage.output_tokens
    try:
        with client.messages.stream(**ASK) as cut:
            list(cut)
        broken: Any = None
    except APIStatusError as error:
        broken = error.body
    return {"text": text.strip(), "used": used, "broken": broken["error"]["type"]}


def refused(ask: Callable[[], Any], kind: type[APIStatusError]) -> bool:
    """Whether it is, in this way."""
    try:
        ask()
    except kind:
        return True
    return False


def main(url: str, key: str) -> None:
    """Tell what came of it."""
    url = url.removesuffix("/v1")
    with Anthropic(api_key=key, base_url=url, max_retries=0, timeout=60) as client:
        whole = client.messages.create(
            **ASK, system="Be brief.", stop_sequences=["END"], extra_body={"temperature": 0.5}
        )
        told = {
            "version": __version__,
            "text": whole.content[0].text,
            "tools": look(client),
            "stream": stream(client),
            "counted": client.messages.count_tokens(model="gpt-4o", messages=HI).input_tokens,
            "models": [model.id for model in client.models.list(limit=50)],
            "refused": [
                refused(lambda: client.messages.create(**{**ASK, "messages": []}), BadRequestError),
                refused(lambda: client.models.retrieve("nothing"), NotFoundError),
                refused(Anthropic(api_key="wrong", base_url=url).models.list, AuthenticationError),
            ],
        }
    print(json.dumps(told))


main(*sys.argv[1:])
