"""Browsers in Browserbase's cloud: sessions, their addresses, contexts and extensions."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from agents.tool_types import Effect
from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations.files import encoded
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch, fetch_json, fetch_object, objects_in

_STATES = ["RUNNING", "ERROR", "TIMED_OUT", "COMPLETED"]
_SESSION_FIELDS = ("extensionId", "browserSettings", "timeout", "keepAlive", "proxies")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_REF = re.compile(r"(?!.*\.\.)[A-Za-z0-9._/+-]+")


def create_session(call: IntegrationCall) -> dict[str, Any]:
    """The session: `{id, connect_url, status, expires_at, ...}`, each name with capitals (`connectUrl`) too."""
    given = {name: call.arguments[name] for name in _SESSION_FIELDS if call.arguments.get(name)}
    return _both_spellings(_send(call, "POST", "/sessions", json={**_project(call), **given}))


def get_session(call: IntegrationCall) -> dict[str, Any]:
    """The session: `{id, status, started_at, ended_at, ...}`, each name with capitals (`startedAt`) too."""
    return _both_spellings(_send(call, "GET", _path(call)))


def list_sessions(call: IntegrationCall) -> dict[str, Any]:
    """`{sessions: [session]}`."""
    status = call.arguments.get("status")
    params = {"status": status} if status else None
    found = fetch_json(call, "GET", f"{_home(call)}/sessions", params=params, headers=_key(call))
    return {"sessions": [_both_spellings(each) for each in objects_in({"found": found}, "found")]}


def complete_session(call: IntegrationCall) -> dict[str, Any]:
    """`{success}`: false if Browserbase refused, as it does for a session that has ended."""
    try:
        _send(call, "POST", _path(call), json={**_project(call), "status": call.arguments["status"]})
    except ToolError as error:
        if error.retryable or "status_code" not in error.details:
            raise
        return {"success": False}
    return {"success": True}


def get_live_urls(call: IntegrationCall) -> dict[str, Any]:
    """`{urls: {debuggerUrl, debuggerFullscreenUrl, wsUrl, pages}}`, each name in small letters (`ws_url`) too."""
    found = _send(call, "GET", _path(call, "/debug"))
    pages = [_both_spellings(page) for page in objects_in(found, "pages")]
    return {"urls": {**_both_spellings(found), "pages": pages}}


def get_connect_url(call: IntegrationCall) -> dict[str, Any]:
    """`{url}`: where `remote_browser` connects to."""
    other = call.setup.get("connect_url")
    if other:
        return {"url": f"{other}?{urlencode({'apiKey': call.setup['api_key'], 'sessionId': call.arguments['id']})}"}
    url = _send(call, "GET", _path(call)).get("connectUrl")
    if not isinstance(url, str) or not url:
        raise ToolError("Browserbase did not say where the session is; it may have ended", repeatable=True)
    return {"url": url}


def get_logs(call: IntegrationCall) -> dict[str, Any]:
    """`{logs: [...]}`."""
    return {"logs": fetch_json(call, "GET", f"{_home(call)}{_path(call, '/logs')}", headers=_key(call))}


def get_recordings(call: IntegrationCall) -> dict[str, Any]:
    """`{recordings: [...]}`: events, as rrweb writes them."""
    return {"recordings": fetch_json(call, "GET", f"{_home(call)}{_path(call, '/recording')}", headers=_key(call))}


def get_session_downloads(call: IntegrationCall) -> dict[str, Any]:
    """`{base64, mime_type}`: an archive of the files that the browser has downloaded."""
    answer = fetch(call, "GET", f"{_home(call)}{_path(call, '/downloads')}", headers=_key(call))
    return {"base64": encoded(answer.content), "mime_type": "application/zip"}


def create_context(call: IntegrationCall) -> dict[str, Any]:
    """`{id, upload_url, public_key, ...}`, each name with capitals (`uploadUrl`) too."""
    return _both_spellings(_send(call, "POST", "/contexts", json=_project(call)))


def install_extension_from_github(call: IntegrationCall) -> dict[str, Any]:
    """`{id}` of the extension, for `create_session`."""
    repository, ref = call.arguments["repositoryName"], call.arguments.get("ref")
    if not _REPOSITORY.fullmatch(repository) or (ref and not _REF.fullmatch(ref)):
        raise BadArguments("`repositoryName` must be like `owner/name`, and `ref` the name of a tag")
    archive = f"refs/tags/{ref}.zip" if ref else "HEAD.zip"
    url = f"{address_of('browserbase', 'https://github.com')}/{repository}/archive/{archive}"
    file = fetch(call, "GET", url, follow_redirects=True).content
    files = [("file", ("extension.zip", file, "application/zip"))]
    return {"id": _send(call, "POST", "/extensions", files=files).get("id")}


def _home(call: IntegrationCall) -> str:
    own = str(call.setup.get("api_url") or "").rstrip("/").removesuffix("/v1")
    return f"{own or address_of('browserbase', 'https://api.browserbase.com')}/v1"


def _key(call: IntegrationCall) -> dict[str, str]:
    return {"X-BB-API-Key": call.setup["api_key"]}


def _send(call: IntegrationCall, method: str, path: str, **parts: Any) -> Mapping[str, Any]:
    return fetch_object(call, method, f"{_home(call)}{path}", headers=_key(call), **parts)


def _path(call: IntegrationCall, rest: str = "") -> str:
    return f"/sessions/{quote(call.arguments['id'], safe='')}{rest}"


def _project(call: IntegrationCall) -> dict[str, str]:
    return {"projectId": call.arguments.get("projectId") or call.setup["project_id"]}


def _both_spellings(found: Mapping[str, Any]) -> dict[str, Any]:
    """Tasks have been written with the names of the service, and with those of Python."""
    ours = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): value for name, value in found.items()}
    return {**ours, **found}


_SETUP = schema(
    "api_key project_id",
    api_key=text("Key of the Browserbase API"),
    project_id=text("Id of the project"),
    api_url=text("Another address of the API"),
    connect_url=text("Another address of the browsers"),
)
_ID = {"id": text("Id of the session")}
_PROJECT = {"projectId": text("Id of another project")}
_CREATED: dict[str, Any] = {
    **_PROJECT,
    "extensionId": text("Id of an extension to load"),
    "browserSettings": {"type": "object", "description": "Settings of the browser, such as its viewport"},
    "timeout": {"type": "integer", "minimum": 60, "maximum": 21600, "description": "Seconds until it ends"},
    "keepAlive": {"type": "boolean", "description": "Whether it outlives the connection to it"},
    "proxies": {"type": ["boolean", "array"], "description": "Whether, or which, proxies are used"},
}
_RELEASE = {"enum": ["REQUEST_RELEASE"], "default": "REQUEST_RELEASE"}
_Does = tuple[Callable[[IntegrationCall], dict[str, Any]], str, str, dict[str, Any]]
_DOES: tuple[_Does, ...] = (
    (create_session, "Start a browser in the cloud.", "", _CREATED),
    (get_session, "Get a session.", "id", _ID),
    (list_sessions, "List sessions.", "", {"status": {"enum": _STATES}}),
    (complete_session, "End a session.", "id", {**_ID, "status": _RELEASE}),
    (get_live_urls, "Get addresses where people can watch a session.", "id", _ID),
    (get_connect_url, "Get the address where a session is controlled.", "id", _ID),
    (get_logs, "Get the log of a session.", "id", _ID),
    (get_recordings, "Get the recording of a session.", "id", _ID),
    (get_session_downloads, "Get the files that a session has downloaded.", "id", _ID),
    (create_context, "Make a context, which keeps cookies and logins between sessions.", "", _PROJECT),
    (
        install_extension_from_github,
        "Install an extension of Chrome from a repository at GitHub.",
        "repositoryName",
        {"repositoryName": text("Owner and name, such as `owner/name`"), "ref": text("Name of a tag")},
    ),
)

METHODS = tuple(
    Method(
        provider="browserbase",
        name=run.__name__,
        effect=Effect.READS if run.__name__.startswith("get_") or run.__name__ == "list_sessions" else Effect.CHANGES,
        description=does,
        run=run,
        arguments=schema(required, **arguments),
        setup=_SETUP,
        other_argument_names={
            "project_id": "projectId",
            "extension_id": "extensionId",
            "browser_settings": "browserSettings",
            "keep_alive": "keepAlive",
            "repository_name": "repositoryName",
            "session_id": "id",
        },
    )
    for run, does, required, arguments in _DOES
)
