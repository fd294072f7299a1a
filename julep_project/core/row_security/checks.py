"""Is the second wall there? `manage.py check` looks at the models, every process that starts at the database too."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import Error as DatabaseError

from julep_project.core.database import leaving_no_connection
from julep_project.core.health.checks import CHECKS
from julep_project.core.row_security.force import look
from julep_project.core.row_security.policies import undeclared
from julep_project.core.tenancy import system_scope

_HINT = (
    "Run `manage.py migrate` as the owner of the tables; where it may not make roles, "
    "`manage.py row_security --sql` prints what somebody who may has to run first."
)


@register(CHECKS)
def check_declarations(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """A table that nobody said anything of would be open to all developers."""
    hint = "Give the model a `developer`, or a `tenancy` (`julep_project/core/tenancy.py`)."
    return [Error(line, hint=hint, id="row_security.E001") for line in undeclared()]


@register(CHECKS)
def check_many_developers(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """With many developers there is no doing without."""
    if settings.ROW_SECURITY_ON or not settings.AGENTS_API_MULTI_TENANT_MODE:
        return []
    message = "ROW_SECURITY is off, and AGENTS_API_MULTI_TENANT_MODE is on."
    return [Error(message, hint="Leave ROW_SECURITY unset.", id="row_security.E002")]


@register(CHECKS, deploy=True)
def check_in_force(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """What `migrate` puts in force, which therefore must not ask for it."""
    # What the models do not say is told by the check above.
    if not settings.ROW_SECURITY_ON or undeclared():
        return []
    try:
        with leaving_no_connection(), system_scope():
            wrong = look().wrong
    except DatabaseError:
        # It is away: that cannot be mended here, and health tells of it.
        return []
    return [Error(f"Row-level security: {line}.", hint=_HINT, id="row_security.E003") for line in wrong]
