"""Django's backend for Postgres with the time limits of `core/database.py` on every connection."""
