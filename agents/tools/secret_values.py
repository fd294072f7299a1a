"""The secrets of one call: opened when the call is made, and kept no longer."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from uuid import UUID

from agents.models import Developer
from agents.tools.errors import Delivery, ToolError
from agents.tools.secret_names import bare_mentions
from agents.vault.values import existing_names, values_of
from julep_project.core.errors import Forbidden
from julep_project.core.json_value import Json


class SecretMissing(ToolError):
    """A secret that the call needs does not exist (any more). Repeating works once it does."""

    kind = "SecretMissing"

    def __init__(self, names: Iterable[str]) -> None:
        named = ", ".join(repr(name) for name in sorted(names))
        message = f"there is no secret {named}: create it and try again"
        super().__init__(message, repeatable=True, delivery=Delivery.NOT_SENT)


def opened(developer: Developer, names: Iterable[str], agent_id: UUID | None) -> dict[str, str]:
    """The values of the secrets, the agent's own before those of the developer. One query; none without names.

    Raises:
        SecretMissing: one of them does not exist.
        SecretsNotConfigured, SecretNotReadable: from `agents.vault.errors`.
    """
    wanted = set(names)
    if not wanted:
        return {}
    values = values_of(developer, wanted, agent_id)
    if missing := wanted - values.keys():
        raise SecretMissing(missing)
    return values


def check_may_name(names: AbstractSet[str], allowed: AbstractSet[str] | None) -> None:
    """Let a definition name only the secrets that are allowed, if not any.

    A model, and whoever supplies data to a task, could else make a tool that sends a secret wherever they like.

    Raises:
        Forbidden
    """
    chosen = set() if allowed is None else names - allowed
    if chosen:
        named = ", ".join(sorted(chosen))
        raise Forbidden(
            f"The definition names secrets ({named}) that the arguments of the call do not name themselves",
            fix="Write {secrets.NAME} in the arguments of the step that makes it, or make it over REST",
        )


def warnings_of(developer: Developer, places: Mapping[str, str], agent_id: UUID | None) -> list[dict[str, Json]]:
    """What is said of secrets that do not exist, given a place that names each; they may come later."""
    missing = sorted(places.keys() - existing_names(developer, places, agent_id))
    return [
        _warning(places[name], f"there is no secret {name!r} yet: until there is, what needs it fails")
        for name in missing
    ]


def mention_warnings(tool: Mapping[str, Json], location: str) -> list[dict[str, Json]]:
    """What is said of texts that mention a secret and are sent as they stand."""
    text = "this text is sent as it stands; write {{secrets.NAME}} where the secret belongs: {}"
    return [_warning(location, text.format(mention[:100])) for mention in bare_mentions(tool)]


def _warning(location: str, message: str) -> dict[str, Json]:
    return {"location": location, "message": message, "severity": "warning", "type": "secrets", "details": {}}
