"""A server without a secret key would sign task tokens with a text everyone can read here."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_server_does_not_start_without_a_secret_key(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}

    done = subprocess.run(
        [sys.executable, "-c", "import julep_project.asgi"],
        cwd=ROOT,
        env={**environment, "JULEP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
