"""How long records of calls are kept."""

from agents.calls.removal import RECORDS
from agents.retention.kinds import register

register(RECORDS)
