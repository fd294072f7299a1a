"""What the suite starts as a client: it has the driver in the process of the tests do what the scenario wants, for a
process with all of the platform in it takes seconds to begin.

The address of the driver is the first argument, that of the suite's server the last.
"""

import json
import os
import sys
import urllib.request

_LONGEST_S = 100

if __name__ == "__main__":
    driver, server = sys.argv[1], sys.argv[-1]
    wanted = {
        "scenario": os.environ.get("MCP_CONFORMANCE_SCENARIO"),
        "context": json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}"),
        "server": server,
    }
    request = urllib.request.Request(driver, json.dumps(wanted).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=_LONGEST_S) as answer:
        told = json.load(answer)
    print(json.dumps(told))
    sys.exit(0 if told.get("error") is None else 1)
