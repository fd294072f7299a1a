"""The whole product on one port: async views on a handler of their own, everything else on threads."""

import os
from functools import partial
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from julep_project.core.database import Use, use_database_as
from julep_project.core.health.checks import refuse_errors
from julep_project.core.live.reader import in_background
from julep_project.core.process import memory
from julep_project.core.telemetry import process as telemetry
from julep_project.core.telemetry.registry import REQUESTS_OPEN
from julep_project.serving.admission import UNREAD_TIMES, Admission, Bodies
from julep_project.serving.answers import EveryAnswer
from julep_project.serving.paths import is_health, is_search, is_stream
from julep_project.serving.server_stop import last_words, stop_in_time, under_way
from julep_project.serving.stream_handler import StreamHandler
from julep_project.serving.threaded_wsgi import Application, Receive, Scope, Send, ThreadedWsgi
from julep_project.serving.unread import end_unread

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")

if settings.SECRET_KEY == settings.INSECURE_SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: it signs task tokens and logins. `make up` makes one.")

use_database_as(Use.API)

# Sets Django up, which the handler of streams needs too.
_wsgi = get_wsgi_application()
refuse_errors()
_bodies = Bodies(settings.MAX_HELD_BODY_BYTES)
_asynchronous = cast(Application, StreamHandler())
_streams = Admission(_asynchronous, _bodies, most=settings.API_STREAMS)
# A process that is full is not ill: whoever restarts ill ones would end all its streams.
_health = Admission(_asynchronous, _bodies, most=settings.API_WAITING)


def _in_threads(threads: int) -> Admission:
    application = ThreadedWsgi(_wsgi, threads=threads, max_body_bytes=settings.MAX_BODY_BYTES)
    return Admission(application, _bodies, most=threads + settings.API_WAITING)


_resources = _in_threads(settings.API_THREADS)
# Threads of their own: however long searches take, all other requests are served.
_searches = _in_threads(settings.API_SEARCH_THREADS)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one HTTP request, or be told by the server that it starts up or has shut down."""
    if scope["type"] == "lifespan":
        await _answer_lifespan(receive, send)
        return
    with under_way():
        await _every_answer(scope, receive, send)
    memory.tend()


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    part = _health if is_health(path) else _streams if is_stream(path) else _searches if is_search(path) else _resources
    await part(scope, receive, send)


_every_answer = EveryAnswer(_serve)


def _warm() -> None:
    """Import what would otherwise be imported by the first request, while others wait for it: seconds."""
    from agents.llm import gateway  # models cannot be imported before Django is set up

    for belongs in (is_health, is_stream, is_search):
        belongs("/")
    gateway.warm_if_configured()
    memory.settle()


def _tell_of_process() -> None:
    parts = {"resources": _resources, "searches": _searches, "streams": _streams}
    for name, part in parts.items():
        REQUESTS_OPEN.watch(partial(getattr, part, "inside"), name)
    telemetry.begin("api")


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = (await receive())["type"]
        if event == "lifespan.startup":
            stop_in_time()
            in_background(end_unread(settings.CHAT_READER_TIMEOUT_S * UNREAD_TIMES))
            _tell_of_process()
            # Connections wait, or go to other processes of this server, until all that a request needs is imported.
            _warm()
        if event == "lifespan.shutdown":
            await last_words()
            telemetry.end()
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
