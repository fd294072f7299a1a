"""A JSON Schema in a request, which goes on to the model's provider."""

from agents.api.anthropic.part import Part
from julep_project.core.json_value import Json
from julep_project.core.reading.validation import invalid
from julep_project.core.schemas.schema_references import UnusableSchema, check_references
from julep_project.core.schemas.schema_shape import check_shape


def read_schema(schema: Part) -> dict[str, Json]:
    """The schema, which can be applied, and whose usual keywords have their usual shape.

    Raises:
        InvalidInput
    """
    try:
        check_references(schema.fields)
        check_shape(schema.fields)
    except UnusableSchema as error:
        raise invalid(schema.loc, "value_error", msg=f"The schema cannot be used: {error}") from None
    return dict(schema.fields)
