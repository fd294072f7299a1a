"""Calls in the name of somebody who is signed in at a service: each gets a token for itself, and nothing else of it.

Who is signed in where is known further up, and registers itself here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar
from uuid import UUID

from agents.models import Developer
from agents.tools.actions import ActionNeeded, Given
from agents.tools.body import spec_of
from agents.tools.errors import Delivery, ToolError
from agents.tools.registry import ToolCall
from agents.tools.secrecy import hiding
from julep_project.core.errors import Forbidden
from julep_project.core.json_value import Json

USER, DEVELOPER = "user", "developer"
CONNECTION = "connection"
# Marks what is kept of a call for which somebody was asked for more scopes.
_MORE = "more_scopes"
_REJECTED, _FORBIDDEN = 401, 403

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who is to be signed in, and where: at the provider of this name, or at the MCP server at this address."""

    developer: Developer
    of: str
    user_id: UUID | None
    provider: str = ""
    resource: str = ""
    scopes: tuple[str, ...] = ()

    @classmethod
    def wanted_by(cls, call: ToolCall, given: Json, *, resource: str = "") -> Self | None:
        """What the `connection` of the definition asks for; None if it asks for nothing."""
        return cls.of_definition(given, call.developer, call.user_id, resource=resource)

    @classmethod
    def of_definition(
        cls, given: Json, developer: Developer, user_id: UUID | None, *, resource: str = ""
    ) -> Self | None:
        """The same for calls that are not made yet."""
        if not isinstance(given, Mapping):
            return None
        of, scopes = str(given.get("of") or USER), given.get("scopes")
        return cls(
            developer,
            of,
            user_id if of == USER else None,
            provider=str(given.get("provider") or ""),
            resource=resource,
            scopes=tuple(map(str, scopes)) if isinstance(scopes, list) else (),
        )


def wants_sign_in(tool: Mapping[str, Json]) -> bool:
    """Whether calls of this tool are made in somebody's name."""
    return connection_and_place(tool)[0] is not None


def check_may_connect(tool: Mapping[str, Json], *, is_free: bool) -> None:
    """Return unless calls of the tool are made in somebody's name, and whoever defines it is not free to have them so.

    A model, and whoever supplies data to a task, could else make a tool that sends the tokens of users wherever they
    like.

    Raises:
        Forbidden
    """
    if not is_free and wants_sign_in(tool):
        raise Forbidden(
            "A tool that works in somebody's name is not made or changed by a tool", fix="Define it over REST"
        )


def check_signed_in(developer: Developer, tool: Mapping[str, Json], user_id: UUID | None) -> None:
    """Return if a call of the tool could be made in the name of the user.

    Raises:
        ActionNeeded: somebody has to sign in first. ToolError: nobody can.
    """
    given, place = connection_and_place(tool)
    wanted = SignIn.of_definition(given, developer, user_id, resource=place)
    if wanted is not None and _sign_ins:
        _sign_ins[0].token(wanted)


def connection_and_place(tool: Mapping[str, Json]) -> tuple[Json, str]:
    """What a definition says of whom to sign in, and at which server."""
    spec = spec_of(tool)
    server = spec.get("server")
    if isinstance(server, Mapping):
        return server.get(CONNECTION), str(server.get("url") or "")
    return spec.get(CONNECTION), str(spec.get("url") or "")


class SignIns(Protocol):
    """Who is signed in where."""

    def token(self, wanted: SignIn) -> str:
        """A token that is good now.

        Raises:
            ActionNeeded: somebody has to sign in first. ToolError: nobody can.
        """

    def other_token(self, wanted: SignIn, rejected: str) -> str | None:
        """Another one than the service did not take. None if that is so new that another would not be taken either.

        Raises: as `token`.
        """

    def ask_for_more(self, wanted: SignIn, challenge: str, *, is_again: bool) -> None:
        """Return if the service does not say in its challenge which scopes are missing. `is_again`: somebody was asked
        for this call before.

        Raises:
            ActionNeeded: somebody has to allow them. ToolError: nobody is asked for them.
        """


_sign_ins: list[SignIns] = []


def register_sign_ins(sign_ins: SignIns) -> None:
    """Let these tell who is signed in."""
    _sign_ins[:] = [sign_ins]


def in_the_name_of(wanted: SignIn, call: ToolCall, send: Callable[[ToolCall, str], Result]) -> Result:
    """Make the call with a token, and once more with another one if the service does not take that: it has done nothing
    then. The token is hidden in whatever comes of it.

    Raises:
        ActionNeeded: somebody has to sign in first. ToolError
    """
    if not _sign_ins:
        raise ToolError("nobody can be signed in here", delivery=Delivery.NOT_SENT)
    with _keeping(call.given):
        token = _sign_ins[0].token(wanted)
    try:
        return _sent(call, token, send)
    except ToolError as error:
        other = _after(error, wanted, token, call.given)
        if other is None:
            raise
    return _sent(call, other, send)


def _after(error: ToolError, wanted: SignIn, token: str, given: Given | None) -> str | None:
    """Another token, if the call may be made again with that.

    Raises: as `in_the_name_of`.
    """
    status, is_redirected = error.details.get("status_code"), error.details.get("is_redirected")
    # Who answers behind a redirect may never have seen the token.
    if is_redirected:
        return None
    if status == _FORBIDDEN:
        challenge = str(error.details.get("challenge") or "")
        with _keeping(given, is_for_more=True):
            _sign_ins[0].ask_for_more(wanted, challenge, is_again=_was_for_more(given))
    with _keeping(given):
        return _sign_ins[0].other_token(wanted, token) if status == _REJECTED else None


@contextmanager
def _keeping(given: Given | None, *, is_for_more: bool = False) -> Iterator[None]:
    """What a call was given before is there again when somebody has signed in; `is_for_more` with the mark of that."""
    try:
        yield
    except ActionNeeded as needed:
        kept = None if given is None else given.kept if given.type == CONNECTION else given.to_json()
        kept = Given(_MORE, kept).to_json() if is_for_more else kept
        raise ActionNeeded(needed.message, replace(needed.action, kept=kept)) from None


def _was_for_more(given: Given | None) -> bool:
    """Whether somebody was asked for more scopes for this call before."""
    before = Given.of(given.kept) if given is not None and given.type == CONNECTION else None
    return before is not None and before.type == _MORE


def given_before_sign_in(given: Given | None) -> Given | None:
    """What a call was given, before it had to wait for sign-ins as well."""
    while given is not None and given.type in (CONNECTION, _MORE):
        given = Given.of(given.kept)
    return given


def _sent(call: ToolCall, token: str, send: Callable[[ToolCall, str], Result]) -> Result:
    with hiding({}, {CONNECTION: token}):
        return send(replace(call, hidden=call.hidden.and_secret(CONNECTION, token)), token)
