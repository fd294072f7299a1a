"""Errors of expressions and templates.

ExpressionError
  ExpressionSyntaxError        the text does not parse
    TemplateSyntaxError        ... in a template; knows its line
  UnsupportedFeature           parses, but the language does not have it
  EvaluationError              went wrong while running
    LimitExceeded              asked for more than the language allows (also raised while compiling)
"""


class ExpressionError(Exception):
    """An expression or template could not be read or run. `line` is known for templates."""

    line: int | None = None

    def __init__(self, message: str, *, source: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.source = source


class ExpressionSyntaxError(ExpressionError):
    """The text is not an expression."""


class TemplateSyntaxError(ExpressionSyntaxError):
    """The text is not a template."""

    def __init__(self, message: str, *, line: int, source: str | None = None) -> None:
        super().__init__(message, source=source)
        self.line = line


class UnsupportedFeature(ExpressionError):
    """The text uses something that the language leaves out on purpose."""


class EvaluationError(ExpressionError):
    """Running failed; `type` is the class of failure to show, such as `KeyError`."""

    def __init__(
        self, message: str, *, type: str = "EvaluationError", source: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message, source=source)
        self.type = type
        self.line = line


class LimitExceeded(EvaluationError):
    """Something would take more work, memory or depth than one evaluation may use."""

    def __init__(self, message: str, *, source: str | None = None) -> None:
        super().__init__(message, type="LimitExceeded", source=source)
