"""The server of the tests as a program."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.loopback.mcp_server import McpServer  # noqa: E402

if __name__ == "__main__":
    McpServer().library.run()
