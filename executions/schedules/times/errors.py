"""Why a text or a number says no times."""


class TimesRefused(Exception):
    """What was said of the times of a schedule means none, or too many. `field` is where it was said."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
