"""Django's backend for Postgres with the time limits of `core/database.py` on every connection, and the scope of
whoever asks (`core/row_security`) in every transaction."""
