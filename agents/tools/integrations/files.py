"""Files that come with a call as base64."""

import base64
import binascii

from agents.tools.errors import BadArguments


def decoded(content: str) -> bytes:
    """The bytes of a base64 text, which may be a data URL.

    Raises:
        BadArguments
    """
    _, comma, rest = content.partition(",")
    try:
        return base64.b64decode(rest if comma and content.startswith("data:") else content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadArguments("the file is not base64") from error


def encoded(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode("ascii")
