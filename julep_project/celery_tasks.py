"""Celery tasks of the installation itself."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from celery import shared_task

from julep_project.core.errors import NotFound
from julep_project.core.health import witness


@shared_task(name=witness.TESTIFY, bind=True)
def testify(self: Any, inquiry: str) -> None:
    """Tell `manage.py doctor` what this process finds. An inquiry that is over needs no answer."""
    with suppress(NotFound):
        witness.hand_in(UUID(inquiry), witness.testify(UUID(inquiry), who=self.request.hostname))
