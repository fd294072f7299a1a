"""Pictures and videos at Cloudinary."""

import time
from collections.abc import Mapping
from hashlib import sha1
from typing import Any
from urllib.parse import quote

from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.files import encoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch, fetch_object

_NOT_SIGNED = frozenset({"file", "cloud_name", "resource_type", "api_key"})
# Names of transformations, as they are written in an address.
_CODES = {
    "angle": "a", "aspect_ratio": "ar", "background": "b", "border": "bo", "color": "co", "crop": "c", "dpr": "dpr",
    "effect": "e", "fetch_format": "f", "format": "f", "gravity": "g", "height": "h", "opacity": "o", "overlay": "l",
    "page": "pg", "quality": "q", "radius": "r", "underlay": "u", "width": "w", "x": "x", "y": "y", "zoom": "z",
}  # fmt: skip


def media_upload(call: IntegrationCall) -> dict[str, Any]:
    """`{url, public_id, base64, meta_data}`. `file` is an address or a data URL."""
    arguments = call.arguments
    form: dict[str, str] = {
        **{name: str(value) for name, value in (call.setup.get("params") or {}).items()},
        **{name: str(value) for name, value in (arguments.get("upload_params") or {}).items()},
        "timestamp": str(int(time.time())),
    }
    if arguments.get("public_id"):
        form["public_id"] = arguments["public_id"]
    url = f"{address_of('cloudinary', 'https://api.cloudinary.com')}/v1_1/{_cloud(call)}/auto/upload"
    signed = {**form, "signature": _signature(form, call.setup["cloudinary_api_secret"])}
    form = {**signed, "api_key": call.setup["cloudinary_api_key"], "file": arguments["file"]}
    stored = fetch_object(call, "POST", url, data=form)
    address = str(stored.get("secure_url") or stored.get("url") or "")
    return {
        "url": address,
        "public_id": stored.get("public_id"),
        "base64": _content(call, address) if arguments["return_base64"] else None,
        "meta_data": dict(stored),
    }


def media_edit(call: IntegrationCall) -> dict[str, Any]:
    """`{transformed_url, base64}`: the address under which the changed picture is made."""
    arguments = call.arguments
    steps = "/".join(_step(step) for step in arguments["transformation"])
    home = f"{address_of('cloudinary', 'https://res.cloudinary.com')}/{_cloud(call)}/image/upload"
    url = "/".join(part for part in (home, steps, quote(arguments["public_id"], safe="/")) if part)
    return {"transformed_url": url, "base64": _content(call, url) if arguments["return_base64"] else None}


def _cloud(call: IntegrationCall) -> str:
    return quote(call.setup["cloudinary_cloud_name"], safe="")


def _signature(form: Mapping[str, str], secret: str) -> str:
    """What proves that the sender knows the secret, as Cloudinary defines it."""
    pairs = "&".join(f"{name}={form[name]}" for name in sorted(form) if name not in _NOT_SIGNED)
    return sha1((pairs + secret).encode(), usedforsecurity=False).hexdigest()


def _step(step: Mapping[str, Any]) -> str:
    unknown = [name for name in step if name not in _CODES]
    if unknown:
        raise BadArguments(f"transformations are {', '.join(sorted(_CODES))}; not {', '.join(sorted(unknown))}")
    return ",".join(f"{_CODES[name]}_{quote(str(value), safe=':')}" for name, value in sorted(step.items()))


def _content(call: IntegrationCall, url: str) -> str:
    if not url:
        raise ToolError("Cloudinary did not say where the file is", repeatable=True)
    return encoded(fetch(call, "GET", url).content)


_SETUP = schema(
    "cloudinary_api_key cloudinary_api_secret cloudinary_cloud_name",
    cloudinary_api_key=text("Key of the Cloudinary API"),
    cloudinary_api_secret=text("Secret that belongs to the key"),
    cloudinary_cloud_name=text("Name of the cloud"),
    params={"type": "object", "description": "Parameters of every upload"},
)
_RETURN = {"type": "boolean", "default": False, "description": "Whether to give the file as base64 too"}

METHODS = (
    Method(
        provider="cloudinary",
        name="media_upload",
        description="Store a picture or video at Cloudinary.",
        run=media_upload,
        arguments=schema(
            "file",
            file=text("Address of the file, or a data URL"),
            return_base64=_RETURN,
            public_id=text("Name to store it under"),
            upload_params={"type": "object", "description": "Further parameters of the upload"},
        ),
        setup=_SETUP,
    ),
    Method(
        provider="cloudinary",
        name="media_edit",
        description="Change a picture stored at Cloudinary: crop, resize, recolour.",
        run=media_edit,
        arguments=schema(
            "public_id transformation",
            public_id=text("Name it is stored under"),
            transformation={
                "type": "array",
                "items": {"type": "object"},
                "description": "Steps such as `{crop: fill, width: 200, height: 100}`",
            },
            return_base64=_RETURN,
        ),
        setup=_SETUP,
    ),
)
