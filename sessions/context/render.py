"""Templates of prompts: rendered once, from text that an author or a client wrote as a template."""

from collections.abc import Mapping

from django.conf import settings

from julep_project.core.errors import ServiceUnavailable
from julep_project.core.json_value import Json
from julep_project.core.process.once import Once
from sessions.errors import TemplateFailed
from tasks.expressions.apart.apart import Evaluators, EvaluatorsBusy
from tasks.expressions.errors import ExpressionError, ExpressionSyntaxError, UnsupportedFeature
from tasks.expressions.limits import Budget
from tasks.expressions.templates.templates import compile_template

_MARKS = ("{{", "{%", "{#")


@Once
def evaluators() -> Evaluators:
    """The processes that render for this one what is not light, started when they are needed."""
    return Evaluators(settings.EVALUATION_PROCESSES, cpu_seconds=settings.EVALUATION_CPU_SECONDS)


class Renderer:
    """Renders the templates of one prompt, which share one budget of work. What is in the scope is data.

    Other requests are served by this process meanwhile: only what is light is rendered in it.
    """

    def __init__(self, scope: Mapping[str, Json]) -> None:
        self._scope = scope
        self._budget = Budget()

    def text(self, source: str, name: str) -> str:
        """The rendered text; `name` says in errors which template it was. Text without any mark is not a template.

        Raises:
            TemplateFailed
            ServiceUnavailable: too many others are rendered at this moment.
        """
        if not any(mark in source for mark in _MARKS):
            return source
        try:
            template = compile_template(source)
            if template.is_light:
                return template.render(self._scope, self._budget)
            return evaluators().render(template, self._scope, self._budget)
        except EvaluatorsBusy:
            raise ServiceUnavailable("too many templates are being rendered; try again") from None
        except ExpressionError as error:
            raise self._failure(error, name) from error

    def message(self, message: Mapping[str, Json], name: str) -> dict[str, Json]:
        """The message with its texts and the addresses of its images rendered. The result of a tool stays as it is.

        Raises:
            TemplateFailed
        """
        content = message.get("content")
        if message["role"] == "tool" or not content:
            return dict(message)
        if isinstance(content, str):
            return {**message, "content": self.text(content, name)}
        return {**message, "content": [self._part(part, f"{name}.content[{n}]") for n, part in enumerate(content)]}

    def _part(self, part: Mapping[str, Json], name: str) -> dict[str, Json]:
        if part["type"] == "text":
            return {**part, "text": self.text(part["text"], name)}
        if part["type"] == "image_url":
            image = part["image_url"]
            return {**part, "image_url": {**image, "url": self.text(image["url"], name)}}
        return dict(part)

    def _failure(self, error: ExpressionError, name: str) -> TemplateFailed:
        place = name if error.line is None else f"{name}, line {error.line}"
        names = sorted(self._scope)
        return TemplateFailed(
            f"{_kind(error)}: {error.message} ({place}; names in scope: {', '.join(names)})",
            extra={"template": name, "line": error.line, "names": names},
        )


def _kind(error: ExpressionError) -> str:
    if isinstance(error, ExpressionSyntaxError | UnsupportedFeature):
        return "Template syntax error"
    return "Template undefined variable" if getattr(error, "type", "") == "NameError" else "Template error"
