"""What is measured beside this: raw Celery tasks, and another engine of durable runs."""
