"""How much work one definition may make: counted while it is read, so that no body keeps a process busy."""

import time

from tasks.language.errors import InvalidTaskBody

MAX_STEPS = 5_000
MAX_EXPRESSIONS = 5_000
MAX_EXPRESSION_CHARACTERS = 200_000
# A backstop for what the counts do not see; processor time of the thread, so a busy machine refuses nothing.
MAX_CHECK_SECONDS = 3.0


class Effort:
    """What was read of one definition so far. Every method raises `InvalidTaskBody` when a limit is passed."""

    def __init__(self) -> None:
        self._steps = 0
        self._expressions = 0
        self._characters = 0
        self._began = time.thread_time()

    def add_step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _refusal(f"a task may have at most {MAX_STEPS:,} steps", "too_many")
        self.check_clock()

    def add_expressions(self, count: int, characters: int) -> None:
        """So many expressions more, slots of texts and parts of templates among them, with so many characters."""
        self._expressions += count
        self._characters += characters
        if self._expressions > MAX_EXPRESSIONS:
            raise _refusal(f"a task may have at most {MAX_EXPRESSIONS:,} expressions", "too_many")
        if self._characters > MAX_EXPRESSION_CHARACTERS:
            message = f"the expressions of a task may have at most {MAX_EXPRESSION_CHARACTERS:,} characters in all"
            raise _refusal(message, "too_long")
        self.check_clock()

    def check_clock(self) -> None:
        if time.thread_time() - self._began > MAX_CHECK_SECONDS:
            raise _refusal("the task takes too long to check", "too_long")


def _refusal(message: str, type_: str) -> InvalidTaskBody:
    fix = "Split it into several tasks, or compute in fewer, larger steps"
    return InvalidTaskBody([{"loc": "main", "msg": message, "type": type_, "received": None, "fix": fix}])
