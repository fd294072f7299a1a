"""Who acts on a wait, as rows tell it for good."""

from julep_project.core.actor import current_actor

_LONGEST_NAME = 255


def actor_to_json() -> dict[str, str]:
    """Kind, id and name of the current actor."""
    actor = current_actor()
    return {"kind": actor.kind.value, "id": actor.id, "name": actor.label[:_LONGEST_NAME]}
