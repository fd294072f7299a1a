"""Every variable the project reads is on the settings page."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ["julep_project", "agents", "docs_store", "sessions", "tasks", "executions"]
READ = re.compile(
    r"\benv_(?:str|secret|bool|int|list)\(\s*\"([A-Z_]+)\"|_count\(\"([A-Z_]+)\"|choose_port\(\"([A-Z_]+)\""
)


def test_every_variable_that_is_read_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    files = (file for source in SOURCES for file in (ROOT / source).rglob("*.py"))
    names = {name for file in files for match in READ.findall(file.read_text()) for name in match if name}

    assert "LEASE_SECONDS" in names
    assert {name for name in names if f"`{name}`" not in page} == set()
