"""The whole product on one port: async views on a handler of their own, everything else on threads."""

import os
import re
from threading import Thread
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from julep_project.env import env_int
from julep_project.stream_handler import StreamHandler
from julep_project.threaded_wsgi import Application, Receive, Scope, Send, ThreadedWsgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")

# Paths whose views are async, because their connection stays open. The only place that lists them.
STREAM_PATH = re.compile(
    r"(?:/api)?(?:"
    r"/executions/.*(?:\.stream|/transitions/stream)"
    r"|/sessions/[^/]+/(?:chat|render)"
    r"|(?:/v1)?/(?:responses(?:/.*)?|chat/completions|embeddings)"
    r"|/embed"
    r")/*"
)

if settings.SECRET_KEY == settings.INSECURE_SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: it signs task tokens and logins. `make up` makes one.")

# Sets Django up, which the handler of streams needs too.
_wsgi = get_wsgi_application()
_streams = cast(Application, StreamHandler())
_resources = ThreadedWsgi(
    _wsgi,
    threads=env_int("API_THREADS", 16, low=1, high=500),
    max_body_bytes=env_int("MAX_BODY_BYTES", 16 * 1024 * 1024, low=1024),
)


def is_stream(path: str) -> bool:
    """True for the paths that belong to the async views."""
    return STREAM_PATH.fullmatch(path) is not None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one HTTP request, or tell the server that there is nothing to start up or shut down."""
    if scope["type"] == "lifespan":
        await _answer_lifespan(receive, send)
        return
    serve: Application = _streams if is_stream(scope["path"]) else _resources
    await serve(scope, receive, send)


def _warm_gateway() -> None:
    from agents.llm import gateway  # models cannot be imported before Django is set up

    gateway.warm_if_configured()


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        if event == "lifespan.startup":
            # Requests are served meanwhile; only the first chat may have to wait for the rest of it.
            Thread(target=_warm_gateway, name="model-warmer", daemon=True).start()
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
