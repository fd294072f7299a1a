"""From a request body to one canonical program: parse, choose the dialect, normalise, check. Pure Python."""
