"""What a program may need of the machinery around it, and what of that does not exist yet."""

SUB_WORKFLOWS = "calls of other workflows"
GUARDED_BODIES = "try steps"
TIMED_WAITS = "waits with a timeout"
SECRET_VALUES = "secrets"

# A task that needs one of these is refused when it is created, never when it is half done.
NOT_YET = frozenset({SECRET_VALUES})
