"""Limits that several parts keep to."""

# Of one attempt at anything: well below the time after which Celery ends a message, and the broker delivers it again.
LONGEST_ATTEMPT_S = 840
