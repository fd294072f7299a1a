"""The bounds of properties of tools, and the periods of rates."""

from collections.abc import Mapping

SHORTEST_TIMEOUT_S = 0.001
LONGEST_TIMEOUT_S = 30 * 24 * 3600
MOST_CALLS = 10_000
PERIODS_S: Mapping[str, int] = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
