"""Writes of users. Each is one transaction, limited to one developer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction

from agents import selectors
from agents.models import DEFAULT_PROJECT, Developer, User
from agents.services import create_or_replace
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import NotFound
from julep_project.core.ids import uuid7


def create_user(*, developer: Developer, values: Mapping[str, Any], user_id: UUID | None = None) -> User:
    """Create a user; everything may be left out.

    Raises:
        NotFound: the project does not exist.
        IntegrityError: the id is in use.
    """
    user = User(id=user_id or uuid7(), developer=developer, **_whole(developer, values))
    with transaction.atomic():
        user.save(force_insert=True)
    return selectors.get_user(developer, user.id)


def replace_user(*, developer: Developer, user_id: UUID, values: Mapping[str, Any]) -> User:
    """Overwrite a user; what `values` leaves out gets its default.

    Raises:
        NotFound: the user or the project does not exist.
    """
    selectors.get_user(developer, user_id)
    return _update_user(developer, user_id, _whole(developer, values))


def patch_user(*, developer: Developer, user_id: UUID, values: Mapping[str, Any]) -> User:
    """Change what `values` names. Metadata is merged.

    Raises:
        NotFound: the user or the project does not exist.
    """
    changes = dict(values)
    if "project" in changes:
        changes["project"] = selectors.get_project_named(developer, changes["project"])
    with transaction.atomic():
        locked = User.objects.for_developer(developer).select_for_update().filter(pk=user_id).first()
        if locked is None:
            raise NotFound("User not found")
        if "metadata" in changes:
            changes["metadata"] = {**locked.metadata, **changes["metadata"]}
        return _update_user(developer, user_id, changes)


def create_or_replace_user(*, developer: Developer, user_id: UUID, values: Mapping[str, Any]) -> User:
    """Overwrite the user with this id, or create it.

    Raises:
        NotFound: the project does not exist, or the id belongs to another developer.
    """
    return create_or_replace(
        exists=selectors.list_users(developer).filter(pk=user_id).exists,
        create=lambda: create_user(developer=developer, values=values, user_id=user_id),
        replace=lambda: replace_user(developer=developer, user_id=user_id, values=values),
    )


def delete_user(*, developer: Developer, user_id: UUID) -> None:
    """Remove a user with its documents. Sessions it took part in stay.

    Raises:
        NotFound: there is no such user (any more).
    """
    removed, _ = selectors.list_users(developer).filter(pk=user_id).delete()
    if not removed:
        raise NotFound("User not found")


def _whole(developer: Developer, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "project": selectors.get_project_named(developer, values.get("project") or DEFAULT_PROJECT),
        "name": values.get("name", ""),
        "about": values.get("about", ""),
        "metadata": values.get("metadata", {}),
    }


def _update_user(developer: Developer, user_id: UUID, changes: Mapping[str, Any]) -> User:
    with transaction.atomic():
        if not User.objects.for_developer(developer).filter(pk=user_id).update(updated_at=DatabaseNow(), **changes):
            raise NotFound("User not found")
    return selectors.get_user(developer, user_id)
