"""What went wrong, as one line for the person at the terminal."""


class ServiceError(Exception):
    """Something cannot be started. The message names the cause and the way to mend it."""
