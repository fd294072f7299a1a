"""Another major version of the published OpenAI client, in a process of its own, against running processes."""

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.demanded import leave_out
from tests.loopback.model_server import ModelServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

OTHER = "openai>=3,<4"
_INSTALLED_WITHIN_S = 300
# What the installer says when nobody answers it; else the version is wrong, or something else of this test.
_UNREACHABLE = "connection broken"
_SCRIPT = """
import sys
from openai import BadRequestError, OpenAI, __version__
assert __version__.split(".")[0] == "3", __version__
client = OpenAI(api_key=sys.argv[2], base_url=sys.argv[1], max_retries=0, timeout=60)
asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
answer = client.chat.completions.create(**asked, seed=7, user="ada")
assert answer.choices[0].message.content == "Hello"
told = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
said = "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices)
assert said.strip() == "one two three" and told[-1].usage.completion_tokens == 3
assert client.chat.completions.create(**asked).choices[0].message.refusal == "I can't."
try:
    client.chat.completions.create(**asked, stream=True, n=2)
except BadRequestError as refused:
    assert refused.param == "n"
else:
    raise AssertionError("a stream of two choices was taken")
assert "offline/echo" in [model.id for model in client.models.list()]
vectors = client.embeddings.create(model="offline/hashing", input=["a tide", "bread"]).data
assert [len(row.embedding) for row in vectors] == [1024, 1024]
made = client.responses.create(model="gpt-4o", input="2 + 2?")
assert made.output_text == "Four."
assert client.responses.retrieve(made.id).output_text == "Four."
print("done")
"""


@pytest.fixture(scope="module")
def other_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the other version, and nothing of ours."""
    folder = tmp_path_factory.mktemp("openai")
    venv.create(folder)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--retries", "1", OTHER]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLED_WITHIN_S)
    if installed.returncode and _UNREACHABLE in installed.stderr:
        leave_out(f"the registry of packages cannot be reached, which has {OTHER}")
    assert installed.returncode == 0, installed.stderr
    return python


def test_the_usual_conversation(other_client: Path, backend: Backend, provider: ModelServer) -> None:
    assert version("openai").startswith("2.")
    provider.script("Hello", "one two three", {"refusal": "I can't."}, "Four.")
    command = [str(other_client), "-I", "-c", _SCRIPT, f"{backend.url}/v1", API_KEY]
    told = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert (told.returncode, told.stdout) == (0, "done\n"), told.stderr
