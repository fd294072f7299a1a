"""Real Celery workers on real Postgres and Redis, and what happens when they are killed."""
