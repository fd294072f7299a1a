"""Why a file cannot be read. Codes and sentences are for clients."""

ENCRYPTED = "file_encrypted"
UNKNOWN_TYPE = "file_type_unknown"
DAMAGED = "file_damaged"
TOO_LARGE = "file_too_large"
TOO_SLOW = "file_takes_too_long"
NO_TEXT = "file_has_no_text"
MISSING = "file_missing"

_LONGEST = 300


class FileProblem(Exception):
    """The file, or a page of it, cannot be read. Trying again would not help."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message[:_LONGEST]
        super().__init__(self.message)


def damaged(what: str, error: BaseException) -> FileProblem:
    """What a library raised over it. Its words may hold anything of the file, so only the kind of error is told."""
    return FileProblem(DAMAGED, f"{what} cannot be read ({type(error).__name__})")


def problem_of(what: str, error: Exception) -> FileProblem:
    """Whatever was raised, as a problem of the file."""
    if isinstance(error, FileProblem):
        return error
    if isinstance(error, MemoryError):
        return too_large(f"{what} takes more memory than there is for it")
    return damaged(what, error)


def too_large(what: str) -> FileProblem:
    return FileProblem(TOO_LARGE, what)
