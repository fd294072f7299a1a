"""Programs made with other people's clients, as they are, against running processes: each in a process of its own."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.api_client import API_KEY
from tests.backend import Backend
from tests.demanded import leave_out
from tests.loopback.model_server import ModelServer, Streamed, tool_call

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = Path(__file__).parent
# Where `.ci/clients` puts them.
CLIENTS = Path(__file__).parents[3] / ".julep" / "clients"
LONGEST_S = 120
# A tool is called, its result is told, and a second question is answered.
WEATHER = (tool_call("weather", {"city": "Rome"}), "Sunny.", "Still sunny.")


def told_by(command: list[str], backend: Backend) -> Any:
    """What the program has written last."""
    asked = [*command, f"{backend.url}/v1", API_KEY]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def is_installed(folder: str) -> bool:
    return (CLIENTS / folder / "installed").exists()


def told_by_python(
    program: str,
    backend: Backend,
    folder: str = "python",
    whom: str = "OpenAI's Agents SDK, with the client it brings,",
) -> Any:
    if not is_installed(folder):
        leave_out(f"{whom} is needed, which `.ci/clients` installs")
    python = CLIENTS / folder / "bin" / "python"
    return told_by([str(python), "-I", str(HERE / program)], backend)


def test_the_agents_sdk(backend: Backend, provider: ModelServer) -> None:
    provider.script(*WEATHER)
    told = told_by_python("agents_sdk.py", backend)
    assert told == {"answers": ["Sunny.", "Still sunny."], "last": "response.completed", "kept": 6}
    _, *said = [message.get("content") for message in provider.chats[-1]["messages"]]
    assert said[0] == "Weather in Rome?" and said[-1] == "And now?" and "sun in Rome" in said


def test_the_next_openai_client(backend: Backend, provider: ModelServer) -> None:
    provider.script(tool_call("weather", {"city": "Rome"}), "Sunny.", "Hello", "one two three", {"refusal": "I can't."})
    told = told_by_python("openai_client.py", backend)
    assert int(told["version"].partition(".")[0]) == int(version("openai").partition(".")[0]) + 1
    conversation = told["conversation"]
    assert conversation.pop("counted") > 0
    assert conversation == {"text": "Sunny.", "read again": True, "last": "response.completed", "kept": 5}
    wanted = {"whole": "Hello", "streamed": "one two three", "usage": 3, "refused": "I can't.", "param": "n"}
    assert told["chat"] == wanted
    assert told["vectors"] == [1024, 1024]
    assert "offline/echo" in told["models"]


@pytest.mark.parametrize("major", ["0", "1"])
def test_earlier_anthropic_clients(backend: Backend, provider: ModelServer, major: str) -> None:
    provider.script("Hello", *WEATHER[:2], "one two three", Streamed("Once ", cut=True))
    told = told_by_python("anthropic_client.py", backend, f"anthropic-{major}", "an earlier client of Anthropic's")
    assert told["version"].partition(".")[0] == major != version("anthropic").partition(".")[0]
    assert (told["text"], told["tools"]) == ("Hello", {"reason": "tool_use", "text": "Sunny."})
    assert told["stream"] == {"text": "one two three", "used": 3, "broken": "api_error"}
    assert told["counted"] > 0 and "offline/echo" in told["models"]
    assert told["refused"] == [True] * 3
    assert provider.chats[-3]["messages"][-1]["content"] == "sun in Rome"


def test_the_ai_sdk(backend: Backend, provider: ModelServer, tmp_path: Path) -> None:
    if not is_installed("node"):
        leave_out("the AI SDK is needed, which `.ci/clients` installs with npm")
    modules = CLIENTS / "node" / "node_modules"
    # Node looks for modules beside the program.
    (tmp_path / "node_modules").symlink_to(modules)
    program = tmp_path / "ai_sdk.mjs"
    program.write_text((HERE / "ai_sdk.mjs").read_text())
    provider.script(*WEATHER)
    told = told_by([str(modules / ".bin" / "node"), str(program)], backend)
    assert (told["answers"], told["steps"]) == (["Sunny.", "Still sunny."], 2)
    assert told["tokens"] > 0
    result = next(message for message in provider.chats[-2]["messages"] if message["role"] == "tool")
    assert result["content"] == "sun in Rome"
