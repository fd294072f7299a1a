"""What a process has imported when it says that it is ready, and what came with it."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tests.loopback.model_server import ModelServer

# Each starts a process that loads the libraries of a server.
pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[3]

_API = """
import asyncio, os, sys
from julep_project.asgi import application
events = asyncio.Queue()
def is_warm(): return "litellm" in sys.modules, "sessions.api.chat_views" in sys.modules
async def start():
    events.put_nowait({"type": "lifespan.startup"})
    async def send(event):
        print(event["type"], *is_warm(), flush=True)
        os._exit(0)
    await application({"type": "lifespan"}, events.get, send)
asyncio.run(start())
"""

_IO = """
import sys
import django
from celery.signals import worker_init
from julep_project.celery import app
django.setup()
app.finalize()
app.amqp.queues.select([sys.argv[1]])
worker = type("Worker", (), {"app": app})()
worker_init.send(sender=worker)
print(sys.argv[1], "litellm" in sys.modules)
"""

_CALLS = """
import asyncio, sys
import django
django.setup()
from agents.llm import gateway, stream
from agents.llm.providers import provider
from agents.llm.providers.sent_settings import EmbeddingBatch
from agents.llm.request import ModelRequest
gateway.warm()
before = set(sys.modules)
request = ModelRequest("gpt-4o-mini", [{"role": "user", "content": "Hi"}], {}, [], None, 60, None)
async def read():
    opened = await stream.open_stream(request)
    async for _ in opened.chunks():
        pass
    await opened.aclose()
provider.ask(request)
asyncio.run(provider.ask_async(request))
asyncio.run(read())
provider.embed(EmbeddingBatch("text-embedding-3-small", ["a"]))
print(sorted(set(sys.modules) - before))
"""

_NUMPY = """
import os, sys, threading
import django
django.setup()
print("numpy" in sys.modules, len(os.listdir("/proc/self/task")) - threading.active_count())
"""


def _said(program: str, *arguments: str, key: str, **more: str) -> str:
    environment = {
        "DJANGO_SETTINGS_MODULE": "julep_project.settings",
        "SECRET_KEY": "for-tests-only",
        "JULEP_HOME": str(_ROOT / ".julep" / "nowhere"),
        "REDIS_URL": settings.REDIS_URL,
        "OPENAI_API_KEY": key,
        **more,
    }
    found = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@pytest.mark.parametrize(("key", "loaded"), [("sk-some-key", True), ("", False)])
def test_an_api_process_serves_when_all_a_chat_needs_is_loaded(key: str, loaded: bool) -> None:
    assert _said(_API, key=key) == f"lifespan.startup.complete {loaded} True"


@pytest.mark.parametrize(("queue", "loaded"), [("io", True), ("engine", False)])
def test_a_worker_takes_calls_when_all_they_need_is_loaded(queue: str, loaded: bool) -> None:
    assert _said(_IO, queue, key="sk-some-key") == f"{queue} {loaded}"


def test_the_first_calls_import_nothing(model_server: ModelServer) -> None:
    assert _said(_CALLS, key="sk-some-key", OPENAI_API_BASE=model_server.api_base) == "[]"
    assert (len(model_server.chats), len(model_server.embeddings)) == (3, 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux lists the threads of a process")
def test_arithmetic_on_vectors_starts_no_threads() -> None:
    assert _said(_NUMPY, key="") == "True 0"
