"""Why a time is not begun, or not yet: the first word of the reason of an occurrence."""

MISSED = "missed"
OVERLAP = "overlap"
QUEUE_FULL = "queue_full"
REPLACED = "replaced"
LIMIT = "limit"
PAUSED = "paused"
INACTIVE = "inactive"
INVALID = "invalid_input"
TIMES = "invalid_times"
GONE = "run_removed"
LONGEST = 500


def told(code: str, detail: str = "") -> str:
    return f"{code}: {detail}"[:LONGEST] if detail else code
