"""Bodies without unknown keys: all but those that clients of older servers send."""

from collections.abc import Iterator

import pytest
from django.urls import get_resolver

from julep_project.core.errors import InvalidInput
from julep_project.core.reading.fields import Answer, Body, StrictBody, Text

# Of the product that this server stands in for, whose clients may send keys of their own.
_OF_OLD_CLIENTS = """
    AgentBody UserBody ProjectBody ToolBody RateBody SecretBody
    FunctionSpec IntegrationSpec SystemSpec ApiCallSpec ComputerSpec TextEditorSpec BashSpec
    TaskHeadBody TaskBody
    SessionBody NewSessionBody ChatBody DecidingBody SentChatBody
    MessageBody PartBody ImageBody FunctionCallBody ToolCallBody
    RecallOptionsBody SearchBody DocBody FileDocBody UploadBody BulkDeleteBody EmbedBody FileBody
    ExecutionBody ChangeBody
""".split()
# Query strings, of which unknown names are refused where they come in, and what is read of one.
_QUERIES = "AuditQuery ModelsQuery RunFilterBody".split()
# Parts of surfaces that others publish, which have their own way to say so.
_ELSEWHERE = ("agents.api.", "docs_store.api.openai.", "sessions.responses.")
# Described only, or the beginning of others.
_NOT_READ = "Spec OpenSpec ChunkPlace McpMessageBody".split()


def bodies(of: type[Body] = Body) -> Iterator[type[Body]]:
    for body in of.__subclasses__():
        yield body
        yield from bodies(body)


def test_a_new_body_refuses_what_it_does_not_know() -> None:
    assert get_resolver().url_patterns  # so that all of them are there
    named = {*_OF_OLD_CLIENTS, *_QUERIES, *_NOT_READ}
    ours = {each for each in bodies() if not each.__module__.startswith("tests.") and not issubclass(each, Answer)}
    lenient = {
        each.__name__
        for each in ours
        if not issubclass(each, StrictBody) and each.surface is None and not each.__module__.startswith(_ELSEWHERE)
    }
    assert lenient - named == set(), "make it a `StrictBody`"
    known = {each.__name__ for each in ours}
    assert named - known == set()
    assert named & {each.__name__ for each in ours if issubclass(each, StrictBody)} == set()


class Boat(StrictBody):
    berth = Text(required=False)
    captain = Text(required=False)


@pytest.mark.parametrize(
    ("key", "fix"),
    [("bert", "Did you mean 'berth'?"), ("sail", "Remove the field; known here: berth, captain")],
)
def test_it_is_told_which_key_was_meant(key: str, fix: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Boat.read({"berth": "5", key: "x"})
    (told,) = refused.value.extra["details"]
    assert (told["loc"], told["type"], told["received"], told["fix"]) == (key, "extra_forbidden", "x", fix)
    assert Boat.read({"berth": "5", key: None}) == {"berth": "5"}
