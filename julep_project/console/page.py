"""What every page is made with."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from julep_project.console.permissions import ADMINISTER, CONTENTS, OPERATE, may
from julep_project.core.process.release import read_release
from julep_project.core.reading.visible_text import cut, visible

# Nothing of another origin, nothing inline: what strangers wrote stays text even if it were let into a page as markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

_LONGEST_TITLE = 120


def page(request: HttpRequest, template: str, title: str, /, **context: Any) -> HttpResponse:
    """A page of the console, with what all of them show. A part of one is a template that extends nothing."""
    shown = {"title": visible(cut(title, _LONGEST_TITLE)[0])}
    return render(request, f"console/{template}", {**admin.site.each_context(request), **shown, **context})


def part(request: HttpRequest, template: str, /, **context: Any) -> HttpResponse:
    """A piece that a page asks for by itself."""
    return render(request, f"console/{template}", {**rights(request), **context})


def rights(request: HttpRequest) -> Mapping[str, Any]:
    """What who asks may see and do."""
    return {
        "may_read": may(request, CONTENTS),
        "may_operate": may(request, OPERATE),
        "may_administer": may(request, ADMINISTER),
        "release": _release(),
    }


@cache
def _release() -> str:
    """In the addresses of scripts and styles, which browsers keep."""
    return read_release()
