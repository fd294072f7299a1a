"""What `docs/mcp/server.md` shows works as it is written there."""

import asyncio
import re
import runpy
from pathlib import Path
from typing import Any

from tests.api_client import API_KEY
from tests.backend import Backend

PAGE = Path(__file__).parents[2] / "docs" / "mcp" / "server.md"


def test_the_client_of_the_page(backend: Backend, agent: str, tmp_path: Path, capsys: Any) -> None:
    [code] = re.findall(r"<!-- client -->\n```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    program = tmp_path / "client.py"
    program.write_text(code)
    asyncio.run(runpy.run_path(str(program))["main"](f"{backend.url}/mcp", API_KEY))
    told = capsys.readouterr().out
    assert "'agent_harbour', " in told
    assert "When is high tide?" in told
    assert told.rstrip().endswith("{'n': 42}")
