"""Private Postgres and Redis, and the supervisor that runs a whole installation on one machine.

Standard library only: this package starts before anything else can be reached.
"""
