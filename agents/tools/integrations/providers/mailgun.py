"""Mail sent by Mailgun."""

import base64
import re
from email.utils import parseaddr
from typing import Any

from agents.tool_types import Effect
from agents.tools.errors import BadArguments
from agents.tools.integrations.method import LETTER, IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch


def send_email(call: IntegrationCall) -> dict[str, Any]:
    """`{success: true}`. The domain is that of the sender."""
    arguments = call.arguments
    _, _, domain = parseaddr(arguments["from"])[1].partition("@")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", domain):
        raise BadArguments("`from` must be an address with a domain")
    form = {name: arguments[name] for name in ("to", "from", "cc", "bcc", "subject") if arguments.get(name)}
    credentials = base64.b64encode(f"api:{call.setup['api_key']}".encode()).decode("ascii")
    fetch(
        call,
        "POST",
        f"{address_of('mailgun', 'https://api.mailgun.net')}/v3/{domain}/messages",
        data={**form, "text": arguments["body"]},
        headers={"Authorization": f"Basic {credentials}"},
    )
    return {"success": True, "error": None}


METHODS = (
    Method(
        provider="mailgun",
        name="send_email",
        effect=Effect.DANGEROUS,
        description="Send an email.",
        run=send_email,
        arguments=schema(
            "to from subject body",
            **LETTER,
            cc={"type": "string", "description": "Address of who gets a copy"},
            bcc={"type": "string", "description": "Address of who gets a copy in secret"},
        ),
        setup=schema("api_key", api_key=text("Key of the Mailgun API")),
    ),
)
