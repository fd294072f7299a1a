"""Which code this process runs, so that processes left over from before an upgrade can be told."""

import hashlib

from julep_project.env import PROJECT_ROOT

_PACKAGES = ("julep_project", "agents", "docs_store", "sessions", "tasks", "executions")


def read_release() -> str:
    """A short digest of the project's Python files as they are now; take it when the process starts."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((PROJECT_ROOT / package).rglob("*.py")):
            digest.update(str(path.relative_to(PROJECT_ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
