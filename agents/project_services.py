"""Writes of projects. Every developer has `default`, which can be neither removed nor renamed."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import RestrictedError

from agents import selectors
from agents.models import DEFAULT_PROJECT, Developer, Project
from agents.names import generate_canonical_name
from agents.services import create_or_replace
from julep_project.core.clock import DatabaseNow
from julep_project.core.errors import Conflict, Forbidden, NotFound
from julep_project.core.ids import uuid7


def create_project(*, developer: Developer, values: Mapping[str, Any], project_id: UUID | None = None) -> Project:
    """Create a project; without a canonical name it gets one.

    Raises:
        IntegrityError: the canonical name is taken.
    """
    project = Project(
        id=project_id or uuid7(),
        developer=developer,
        name=values["name"],
        canonical_name=values.get("canonical_name") or generate_canonical_name(values["name"]),
        metadata=values.get("metadata", {}),
    )
    with transaction.atomic():
        project.save(force_insert=True)
    return selectors.get_project(developer, project.id)


def replace_project(*, developer: Developer, project_id: UUID, values: Mapping[str, Any]) -> Project:
    """Overwrite a project; a canonical name that is left out is kept.

    Raises:
        NotFound, Forbidden, IntegrityError
    """
    return patch_project(
        developer=developer, project_id=project_id, values={"metadata": {}, **values}, merge_metadata=False
    )


def create_or_replace_project(*, developer: Developer, project_id: UUID, values: Mapping[str, Any]) -> Project:
    """Overwrite the project with this id, or create it.

    Raises:
        NotFound: the id belongs to another developer.
        Forbidden, IntegrityError
    """
    return create_or_replace(
        exists=selectors.list_projects(developer).filter(pk=project_id).exists,
        create=lambda: create_project(developer=developer, values=values, project_id=project_id),
        replace=lambda: replace_project(developer=developer, project_id=project_id, values=values),
    )


@transaction.atomic
def patch_project(
    *, developer: Developer, project_id: UUID, values: Mapping[str, Any], merge_metadata: bool = True
) -> Project:
    """Change what `values` names.

    Raises:
        NotFound: there is no such project.
        Forbidden: `default` would be renamed.
        IntegrityError: the canonical name is taken.
    """
    locked = _locked(developer, project_id)
    changes = dict(values)
    if merge_metadata and "metadata" in changes:
        changes["metadata"] = {**locked.metadata, **changes["metadata"]}
    if _is_default(locked) and changes.get("canonical_name", DEFAULT_PROJECT) != DEFAULT_PROJECT:
        raise Forbidden("The default project cannot be renamed")
    if not changes.get("canonical_name"):
        changes.pop("canonical_name", None)
    selectors.list_projects(developer).filter(pk=project_id).update(updated_at=DatabaseNow(), **changes)
    return selectors.get_project(developer, project_id)


@transaction.atomic
def delete_project(*, developer: Developer, project_id: UUID) -> None:
    """Remove an empty project.

    Raises:
        NotFound: there is no such project (any more).
        Forbidden: it is `default`.
        Conflict: agents, users or files still belong to it.
    """
    project = _locked(developer, project_id)
    if _is_default(project):
        raise Forbidden("The default project cannot be deleted")
    try:
        project.delete()
    except RestrictedError:
        raise Conflict("The project is still in use; move or delete what belongs to it first") from None


def _locked(developer: Developer, project_id: UUID) -> Project:
    """The row, held so that no agent can join it until the transaction ends."""
    project: Project | None = selectors.list_projects(developer).select_for_update().filter(pk=project_id).first()
    if project is None:
        raise NotFound("Project not found")
    return project


def _is_default(project: Project) -> bool:
    return project.canonical_name == DEFAULT_PROJECT
