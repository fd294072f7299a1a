"""An outgoing request and the answer to it, and how one is written for the wire."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from julep_project.core.http.errors import BadUrl, InvalidRequest

USER_AGENT = "julep-agents"
# Set by the connection itself; a caller's own value would break the framing or name another host.
_CONNECTION_HEADERS = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Say nothing of who sends a request; all others may hold a key, whatever they are called.
COMMON_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
_BODY_HEADERS = frozenset(
    {"content-type", "content-encoding", "content-language", "content-length", "content-location", "transfer-encoding"}
)
# A longer part of a path is no word.
LONGEST_WORD = 15
_METHOD = re.compile(r"[A-Z]{1,20}")
_DEFAULT_PORTS = {"http": 80, "https": 443}

FileParts = Sequence[tuple[str, tuple[str | None, bytes, str | None]]]


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One request. At most one of `content`, `json` and `data` (with `files`) makes the body.

    Headers that belong to the connection (`Host`, `Content-Length`, `Transfer-Encoding`, ...) are left out.
    User and password in the URL become an `Authorization` header unless there is one. `is_named`: the operator himself
    named this host and port, so that they need not be public; where a redirect leads is judged as ever.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] | str | None = None
    cookies: Mapping[str, str] | None = None
    content: bytes | str | None = None
    data: Mapping[str, Any] | None = None
    files: FileParts | None = None
    json: Any = None
    follow_redirects: bool = False
    timeout_s: float | None = None
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class IncomingResponse:
    """A complete answer, of whatever status. `url` is where it came from after redirects, without credentials."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: str


def write_request(request: OutgoingRequest) -> httpx.Request:
    """The request with its body in memory.

    Raises:
        InvalidRequest, BadUrl
    """
    method = request.method.upper()
    if not _METHOD.fullmatch(method) or method == "CONNECT":
        raise InvalidRequest(f"the method {method[:20]!r} cannot be sent")
    url = read_url(request.url)
    try:
        written = httpx.Request(
            method,
            _with_params(_without_userinfo(url), request.params),
            headers=_headers(request, url),
            content=request.content,
            data=dict(request.data) if request.data is not None else None,
            files=list(request.files) if request.files else None,
            json=request.json,
        )
        written.read()
    except (TypeError, ValueError, httpx.InvalidURL) as error:
        # What the library says may repeat a value.
        raise InvalidRequest(f"the request cannot be written: {_kind_of(error)}") from None
    return written


def read_url(text: str) -> httpx.URL:
    """An absolute http or https URL.

    Raises:
        BadUrl
    """
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise BadUrl("the URL cannot be read") from error
    return _checked(url)


def origin_of(text: str) -> str:
    """Scheme, user, host and port of a URL; nothing of one that cannot be read."""
    try:
        url = read_url(text)
    except BadUrl:
        return ""
    return f"{url.scheme}://{url.userinfo.decode('ascii', 'replace')}@{url.netloc.decode('ascii', 'replace')}"


def host_and_port(text: str) -> tuple[str, int]:
    """Where a URL leads, as a connection to it is asked for.

    Raises:
        BadUrl
    """
    url = read_url(text)
    return url.raw_host.decode("ascii"), url.port or _DEFAULT_PORTS[url.scheme]


def next_request(request: httpx.Request, status: int, location: str) -> httpx.Request | None:
    """Where a redirect leads: 303 (and 301, 302 of a POST) turn into GET without a body. None: it is not followed.

    To another origin (scheme, host or port) go only headers on a short list, and never a body: either may be secret,
    and it is a server that says where they would go.

    Raises:
        BadUrl
    """
    try:
        url = _without_userinfo(_checked(request.url.join(location)))
    except (httpx.InvalidURL, ValueError) as error:
        raise BadUrl("the URL of a redirect cannot be read") from error
    becomes_get = (status == 303 and request.method != "HEAD") or (status in {301, 302} and request.method == "POST")
    method, content = ("GET", None) if becomes_get else (request.method, request.content or None)
    leaves = _origin(request.url) != _origin(url)
    if leaves and content is not None:
        return None
    headers = [
        (name, value)
        for name, value in request.headers.multi_items()
        if name != "host" and (name not in _BODY_HEADERS or not becomes_get) and (name in COMMON_HEADERS or not leaves)
    ]
    return httpx.Request(method, url, headers=headers, content=content)


def place_of(url: httpx.URL) -> str:
    """A URL for people to read: without credentials, query, and the long parts of a path that are keys of webhooks."""
    path = "/".join(part if len(part) <= LONGEST_WORD else "***" for part in url.path.split("/"))
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{path}"[:200]


def place_of_url(text: str) -> str:
    """The same of a URL as text; nothing of one that cannot be read."""
    try:
        return place_of(read_url(text))
    except BadUrl:
        return ""


def _kind_of(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "a header holds characters that headers cannot have"
    return "a part of it has a value of the wrong kind"


def _checked(url: httpx.URL) -> httpx.URL:
    if url.scheme not in _DEFAULT_PORTS:
        raise BadUrl("the URL must start with http:// or https://")
    if not url.host:
        raise BadUrl("the URL has no host")
    if not _is_host(url.raw_host.decode("ascii", "replace")) or not 0 < (url.port or 1) < 65536:
        raise BadUrl("the URL has no valid host and port")
    return url.copy_with(fragment=None)


def _is_host(host: str) -> bool:
    """Whether a resolver may be asked for it: no zone of an address, no label of a length that names cannot have."""
    labels = host.removesuffix(".").split(".")
    return "%" not in host and len(host) <= 254 and (":" in host or all(0 < len(label) < 64 for label in labels))


def _without_userinfo(url: httpx.URL) -> httpx.URL:
    return url.copy_with(userinfo=b"") if url.userinfo else url


def _basic(url: httpx.URL) -> str:
    user, _, password = url.userinfo.partition(b":")
    pair = f"{unquote(user.decode())}:{unquote(password.decode())}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _with_params(url: httpx.URL, params: Mapping[str, Any] | str | None) -> httpx.URL:
    return url if not params else url.copy_merge_params(httpx.QueryParams(params))


def _headers(request: OutgoingRequest, url: httpx.URL) -> httpx.Headers:
    headers = httpx.Headers({"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": USER_AGENT})
    headers.update({name: value for name, value in request.headers.items() if name.lower() not in _CONNECTION_HEADERS})
    if url.userinfo and "authorization" not in headers:
        headers["authorization"] = _basic(url)
    if request.cookies:
        pairs = [f"{name}={value}" for name, value in request.cookies.items()]
        headers["cookie"] = "; ".join([headers["cookie"], *pairs] if "cookie" in headers else pairs)
    return headers


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS[url.scheme]
