"""A provider that repeats a text."""

from typing import Any

from agents.tools.integrations.method import IntegrationCall, Method, schema, text


def say(call: IntegrationCall) -> dict[str, Any]:
    return {"said": call.arguments["text"]}


METHODS = (
    Method(
        provider="parrot",
        name="say",
        description="Say a text again.",
        run=say,
        arguments=schema("text", text=text("What to say")),
    ),
)
