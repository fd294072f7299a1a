"""Every variable the project reads is on the settings page."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ["julep_project", "agents", "docs_store", "sessions", "tasks", "executions"]
READ = re.compile(
    r"\benv_(?:str|secret|bool|choice|int|ints|days|decimal|decimal_or_unknown|list|url|addresses)\(\s*\"([A-Z0-9_]+)\"|_count\(\"([A-Z0-9_]+)\"|choose_port\(\"([A-Z0-9_]+)\""
)


def variables_read() -> set[str]:
    """Names of all variables that the code reads through the readers of settings."""
    files = (file for source in SOURCES for file in (ROOT / source).rglob("*.py"))
    return {name for file in files for match in READ.findall(file.read_text()) for name in match if name}


def test_every_variable_that_is_read_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    names = variables_read()

    assert {"LEASE_SECONDS", "FILES_S3_BUCKET"} <= names
    assert {name for name in names if f"`{name}`" not in page} == set()
