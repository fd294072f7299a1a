"""Operations of OpenAPI documents become tools of an agent."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from agents.audit.models import AuditRecord
from agents.models import Developer, Tool
from agents.openapi.credentials import Login, schemes_of
from agents.openapi.document import NotExpressible, read_document
from agents.openapi.schemas import Effort, Translator
from agents.openapi.servers import ChosenServer
from agents.openapi.texts import tool_name
from agents.openapi.tools import Wanted, definition_of, operations_of
from agents.tools.errors import BadArguments
from agents.tools.presentation import present_tools
from agents.tools.registry import Caller
from agents.tools.runners import run_tool
from agents.tools.supplied import WantedCall
from julep_project.core.api.api_document import openapi_document
from julep_project.devservices.loopback import Reply
from tests.api_client import ApiClient
from tests.loopback.web_server import WebServer

Json = dict[str, Any]
VALUE = "key-7f3a9c41"

BOAT = {
    "type": "object",
    "required": ["name", "id"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "example": "Ida", "maxLength": 40},
        "owner": {"$ref": "#/components/schemas/Owner"},
        "url": {"type": "string", "nullable": True, "pattern": "(a+)+$"},
    },
    "discriminator": {"propertyName": "kind"},
    "xml": {"name": "boat"},
}
OWNER = {"type": "object", "properties": {"name": {"type": "string"}, "friend": {"$ref": "#/components/schemas/Owner"}}}


def document(server: str = "https://harbour.example.com/v1") -> Json:
    """A harbour."""
    boat_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Boat"}}}}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Harbour", "version": "1"},
        "servers": [{"url": server}],
        "security": [{"key": []}],
        "components": {
            "schemas": {"Boat": BOAT, "Owner": OWNER},
            "parameters": {"Id": boat_id},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
                "token": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
                "flow": {"type": "oauth2", "flows": {}},
            },
        },
        "paths": {
            "/boats": {
                "get": {
                    "operationId": "listBoats",
                    "tags": ["boats"],
                    "summary": "List\u200b <boats>.",
                    "parameters": [
                        {"name": "filter[kind]", "in": "query", "schema": {"type": "string"}},
                        {"name": "tags", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                        {"name": "X-Key", "in": "header", "schema": {"type": "string"}},
                        {"name": "Accept", "in": "header", "schema": {"type": "string"}},
                    ],
                    "responses": {"200": {"description": "", "content": {"application/json": {}}}},
                },
                "post": {"operationId": "addBoat", "tags": ["boats"], "requestBody": body, "responses": {}},
            },
            "/boats/{id}": {
                "parameters": [{"$ref": "#/components/parameters/Id"}],
                "put": {
                    "operationId": "renameBoat",
                    "parameters": [{"name": "id", "in": "query", "schema": {"type": "integer"}}],
                    "requestBody": body,
                    "responses": {},
                },
                "get": {"security": [{"login": []}], "responses": {}},
                "delete": {"operationId": "sinkBoat", "security": [{"flow": []}], "responses": {}},
            },
        },
    }


@pytest.fixture(autouse=True)
def secrets_kept(settings: Any) -> None:
    settings.SECRETS_MASTER_KEY = Fernet.generate_key().decode()


@pytest.fixture
def agent(api: ApiClient) -> str:
    return str(api.post("/agents", {"name": "Harbour guide"}).json()["id"])


Import = Callable[..., Any]


@pytest.fixture
def bring(api: ApiClient, agent: str) -> Import:
    """`bring(document, auth=...)` imports it and gives the answer."""

    def bring(given: Any = None, status: int = 201, **options: Any) -> Any:
        named = {} if "url" in options else {"document": document() if given is None else given}
        answer = api.post(f"/agents/{agent}/tools/import", {**named, **options})
        assert answer.status_code == status, answer.json()
        return answer.json()

    return bring


def names(told: list[Json]) -> list[str]:
    return [each["operation"] for each in told]


def test_what_is_imported_is_called(
    api: ApiClient, developer: Developer, agent: str, bring: Import, web_server: WebServer
) -> None:
    api.post("/secrets", {"name": "HARBOUR", "value": VALUE})
    web_server.script("/v1/boats/a%20b", Reply(200, {"ok": True}))
    web_server.script("/v1/boats", Reply(200, []))

    told = bring(document(web_server.url + "/v1"), auth={"key": "HARBOUR", "login": {"username": "ann"}})

    assert names(told["created"]) == ["listBoats", "addBoat", "renameBoat", "GET /boats/{id}"]
    (refused,) = told["refused"]
    assert refused["operation"] == "sinkBoat" and "OAuth, which is not supported yet" in refused["reason"]
    assert told["warnings"] == [] and VALUE not in json.dumps(told)
    stored = api.get(f"/agents/{agent}/tools").json()["items"]
    assert {each["id"] for each in stored} == {each["id"] for each in told["created"]}

    def call(name: str, arguments: Json) -> Any:
        tool = next(each for each in stored if each["name"] == name)
        return run_tool(Caller(developer, str(uuid4())), WantedCall(tool, arguments, from_model=True))

    call("listBoats", {"filter_kind": "sail", "tags": ["a", "b"]})
    call("renameBoat", {"path_id": "a b", "query_id": 7, "name": "Ida", "url": None})
    call("GET_boats_id", {"id": "a b"})
    with pytest.raises(BadArguments):
        call("GET_boats_id", {"id": "../admin"})
    listed, renamed, got = web_server.requests
    query = sorted(listed.target.partition("?")[2].split("&"))
    assert query == ["filter%5Bkind%5D=sail", "tags=a", "tags=b"] and listed.headers["x-key"] == VALUE
    assert (renamed.method, renamed.target) == ("PUT", "/v1/boats/a%20b?id=7")
    assert renamed.json() == {"name": "Ida", "url": None}
    assert got.headers["authorization"] == "Basic YW5uOg=="


def test_what_models_are_told(bring: Import) -> None:
    told = bring(auth={"key": "HARBOUR"}, prefix="h_")

    tools = {each["name"]: each["tool"] for each in told["created"]}
    listed, added = present_tools([tools["h_listBoats"], tools["h_addBoat"]])
    assert listed["function"]["description"] == "List <boats>."
    assert list(listed["function"]["parameters"]["properties"]) == ["filter_kind", "tags"]
    assert added["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 40},
            "owner": {"type": "object", "properties": {"name": {"type": "string"}, "friend": {}}},
            "url": {"type": ["string", "null"], "pattern": "(a+)+$"},
        },
        "required": ["name"],
    }
    assert "include_response_content" in tools["h_listBoats"]["api_call"]
    assert [each["location"] for each in told["warnings"]] == ["auth.key"]


class TestChoice:
    def test_by_id_and_tag(self, bring: Import) -> None:
        told = bring(
            operations=["PUT /boats/{id}", "gone"], tags=["boats"], auth={"key": "K"}, dry_run=True, status=200
        )

        assert names(told["created"]) == ["listBoats", "addBoat", "renameBoat"]
        assert [(each["operation"], each["reason"]) for each in told["refused"]] == [
            ("gone", "the document has no such operation")
        ]
        assert told["created"][0]["id"] is None and Tool.objects.count() == 0

    def test_without_auth_each_says_what_it_needs(self, bring: Import) -> None:
        told = bring()

        assert told["created"] == []
        assert {each["reason"] for each in told["refused"][:3]} == {"it needs `auth` for a security scheme: key"}

    def test_names_that_are_taken(self, api: ApiClient, agent: str, developer: Developer, bring: Import) -> None:
        options: Json = {"operations": ["addBoat"], "auth": {"key": "K"}}
        (tool,) = bring(**options)["created"]
        api.patch(f"/agents/{agent}/tools/{tool['id']}", {"approval": "always"})

        assert names(bring(**options)["refused"]) == ["addBoat"]
        assert names(bring(**options, on_conflict="skip")["skipped"]) == ["addBoat"]
        assert names(bring(**options, on_conflict="replace")["skipped"]) == ["addBoat"]
        (replaced,) = bring(**{**options, "auth": {"key": "OTHER"}}, on_conflict="replace")["replaced"]
        assert replaced["id"] == tool["id"] and replaced["tool"]["approval"] == "always"
        assert replaced["tool"]["api_call"]["headers"] == {"X-Key": "{secrets.OTHER}"}
        kept = AuditRecord.objects.for_developer(developer).filter(object_kind="tool").order_by("pk")
        assert [each.verb for each in kept] == ["create", "update", "update"]

    def test_a_request_that_comes_twice(self, api: ApiClient, agent: str) -> None:
        body = {"document": document(), "auth": {"key": "K"}}
        first, second = (
            api.post(f"/agents/{agent}/tools/import", body, headers={"Idempotency-Key": "once"}) for _ in range(2)
        )

        assert first.json() == second.json() and len(first.json()["created"]) == 3

    @pytest.mark.parametrize(
        ("options", "at"),
        [
            ({"document": None}, "document"),
            ({"document": "openapi: [1"}, "document"),
            ({"document": {"openapi": "2.9", "paths": {}}}, "document"),
            ({"document": {"openapi": "3.1.0"}}, "document"),
            ({"url": "http://10.0.0.1/openapi.json"}, "url"),
            ({"given": {**document(), "servers": [{"url": "/v1"}]}}, "server"),
            ({"server": {"variables": {"port": "1"}}}, "server"),
            ({"server": "https://user:pw@evil.example/{secrets.K}"}, "server"),
            ({"auth": {"lock": "K"}}, "auth.lock"),
            ({"auth": {"key": "not a name"}}, "auth.key.secret"),
            ({"given": {**document(), "paths": {f"/{n}": {"get": {}} for n in range(101)}}}, "operations"),
        ],
    )
    def test_what_is_refused_as_a_whole(self, bring: Import, options: Json, at: str) -> None:
        (detail,) = bring(status=422, **options)["error"]["details"]

        assert detail["loc"] == at
        assert Tool.objects.count() == 0


class TestDocuments:
    def test_one_that_is_fetched(self, bring: Import, web_server: WebServer) -> None:
        text = json.dumps(document("../v2"))
        url = web_server.script("/api/openapi.json", Reply(body=text))

        told = bring(url=url, auth={"token": "K", "key": "K"}, operations=["listBoats"])

        assert told["server"] == f"{web_server.url}/v2"
        assert told["created"][0]["tool"]["api_call"]["url"] == f"{web_server.url}/v2/boats"

    def test_another_server_gets_no_secrets(self, bring: Import) -> None:
        given = document()
        given["paths"]["/boats"]["servers"] = [{"url": "https://evil.example"}]

        told = bring(given, auth={"key": "K"})

        assert "it is at another server (https://evil.example)" in told["refused"][0]["reason"]
        assert names(told["created"]) == ["renameBoat"]

    def test_variables_of_servers(self, bring: Import) -> None:
        given = document()
        variables = {"region": {"default": "eu", "enum": ["eu", "us"]}}
        given["servers"] = [{"url": "https://{region}.example.com", "variables": variables}]

        told = bring(given, server={"variables": {"region": "us"}}, auth={"key": "K"})

        assert told["server"] == "https://us.example.com"
        bring(given, server={"variables": {"region": "evil.example/"}}, status=422)

    def test_swagger(self, bring: Import) -> None:
        text = """
            swagger: "2.0"
            host: harbour.example.com
            basePath: /v1
            schemes: [http, https]
            securityDefinitions: {login: {type: basic}}
            security: [{login: []}]
            definitions: {Boat: {type: object, properties: {name: {type: string}}}}
            paths:
              /boats:
                post:
                  operationId: add
                  parameters:
                    - {name: boat, in: body, required: true, schema: {$ref: "#/definitions/Boat"}}
                    - {name: ids, in: query, type: array, items: {type: integer}}
              /pictures:
                post:
                  operationId: upload
                  parameters:
                    - {name: picture, in: formData, type: file, required: true}
                    - {name: note, in: formData, type: string}
        """
        told = bring(text, auth={"login": {"username": "{secrets.USER}", "secret": "PASS"}})

        added, upload = (each["tool"]["api_call"] for each in told["created"])
        assert added["url"] == "https://harbour.example.com/v1/boats"
        assert added["basic"] == {"username": "{secrets.USER}", "password": "{secrets.PASS}"}
        assert added["places"] == {"ids": {"in": "query", "style": "comma"}, "name": {"in": "json"}}
        assert upload["places"] == {"picture": {"in": "files"}, "note": {"in": "part"}}


def operation(**parts: Any) -> Json:
    """A document with one operation."""
    path = parts.pop("path", "/x")
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://harbour.example.com"}],
        "paths": {path: {"post": {"operationId": "x", **parts}}},
        "components": {
            "schemas": {
                "Loop": {"$ref": "#/components/schemas/Loop"},
                "Wide": {"allOf": [{"$ref": "#/components/schemas/Wider"}] * 50},
                "Wider": {"properties": {f"p{n}": {"type": "string"} for n in range(90)}},
                **{f"C{n}": {"$ref": f"#/components/schemas/C{n + 1}"} for n in range(3000)},
            },
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "{secrets.OTHER}"}},
        },
    }


def body(schema: Any, kind: str = "application/json") -> Json:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


def parameter(**parts: Any) -> Json:
    return {"parameters": [{"name": "a", "in": "query", "required": True, **parts}]}


class TestOperationsThatCannotBe:
    @pytest.mark.parametrize(
        ("parts", "reason"),
        [
            (body({"$ref": "#/components/schemas/Wide"}), "more than 2000 parts"),
            (body({"$ref": "#/nowhere"}), "leads nowhere"),
            (body({"$ref": "https://evil.example/s.json"}), "another document"),
            (body({}, "application/xml"), "is of a type that is not supported"),
            (body({"properties": {f"p{n}": {} for n in range(70)}}), "more than 64 arguments"),
            (body({}, "multipart/form-data"), "no fields"),
            ({"requestBody": {"$ref": "#/paths/~1x/post/requestBody"}}, "round without end"),
            (parameter(style="label", **{"in": "header"}), "style"),
            (parameter(schema={"type": "object"}), "objects cannot"),
            (parameter(name="a\r\nX: 1", **{"in": "header"}), "its name cannot be sent"),
            (parameter(**{"in": "path"}), "no place for 'a'"),
            ({"path": "/x/{b}"}, "does not declare"),
            ({"path": "/x/{secrets.OTHER}"}, "does not declare"),
            ({"path": "/x/../y"}, "out of the server"),
            ({"path": "/x?a=1"}, "cannot be written"),
            ({"security": [{"key": []}]}, "a name that cannot be sent"),
        ],
    )
    def test_is_told(self, bring: Import, parts: Json, reason: str) -> None:
        (refused,) = bring(operation(**parts), auth={"key": "K"})["refused"]

        assert reason in refused["reason"]

    def test_of_what_is_too_large_the_first_levels_are_kept(self, bring: Import) -> None:
        given = operation(**body({"$ref": "#/components/schemas/Tree"}))
        twigs = {f"p{number}": {"$ref": f"#/components/schemas/T{number}"} for number in range(8)}
        trees = {f"T{number}": {"type": "object", "properties": twigs} for number in range(8)}
        tree: Json = {"type": "object", "properties": {"t": {"$ref": "#/components/schemas/T0"}}}
        given["components"]["schemas"] = {**trees, "Tree": tree}

        (made,) = bring(given)["created"]

        (told,) = made["tool"]["api_call"]["params_schema"]["properties"].values()
        assert told["properties"]["p1"]["properties"]["p2"]["properties"]["p3"] == {}

    @pytest.mark.parametrize("name", ["Loop", "C0"])
    def test_what_goes_round_is_anything(self, bring: Import, name: str) -> None:
        (made,) = bring(operation(**body({"$ref": f"#/components/schemas/{name}"})))["created"]

        assert made["tool"]["api_call"]["params_schema"]["properties"] == {"body": {}}

    def test_what_is_not_needed_is_left_out(self, bring: Import) -> None:
        (made,) = bring(operation(**parameter(schema={"type": "object"}, required=False)))["created"]

        assert made["left_out"] == ["a"]

    @pytest.mark.parametrize("wrong", [None, 1, "a", [], {}, [None], {"a": None}, True])
    def test_no_shape_breaks_it(self, wrong: Any) -> None:
        keys = ("parameters", "requestBody", "security", "tags", "responses", "summary", "servers", "operationId")
        given = [operation(**{key: wrong}) for key in keys]
        for key in ("type", "enum", "properties", "items", "required", "allOf", "minimum", "pattern", "nullable"):
            given.append(operation(**body({key: wrong})))
        for key in ("name", "in", "schema", "content", "style", "description"):
            given.append(operation(**parameter(**{key: wrong})))
        given += [{**document(), key: wrong} for key in ("components", "security", "servers", "info")]
        given += [{**operation(), "paths": {"/x": wrong}}, {**operation(), "paths": {"/x": {"post": wrong}}}]

        for each in given:
            read = read_document(each)
            wanted = Wanted(read, "https://harbour.example.com", ChosenServer(), {"key": Login("K")})
            for found in operations_of(read):
                try:
                    definition_of(found, wanted)
                except NotExpressible:
                    continue


def test_our_own_description_is_one() -> None:
    read = read_document(openapi_document().decode())
    auth = {name: Login("KEY") for name in schemes_of(read)}
    wanted = Wanted(read, "https://julep.example.com", ChosenServer(), auth, effort=Effort(10**6))

    made = [definition_of(each, wanted) for each in operations_of(read)]

    assert len({definition.name for definition, _ in made}) == len(made) > 100
    assert [definition.name for definition, left_out in made if left_out] == []


def test_schemes_that_are_nowhere(bring: Import) -> None:
    given = {**operation(security=[{"key": []}]), "components": {"$ref": "#/nope"}}

    (refused,) = bring(given)["refused"]

    assert "is not declared" in refused["reason"]


class TestBounds:
    def test_of_what_is_left_out(self) -> None:
        wide = {"properties": {f"p{number}": {"readOnly": True} for number in range(300)}}
        read = read_document({**document(), "components": {"schemas": {"Wide": wide}}})
        many = {"allOf": [{"$ref": "#/components/schemas/Wide"}] * 10}

        with pytest.raises(NotExpressible, match="more than 2000 parts"):
            Translator(read, Effort()).translated(many)

    def test_of_all_operations_together(self) -> None:
        wide = {"properties": {f"p{number}": {"type": "string"} for number in range(40)}}
        read = read_document({**operation(**body(wide)), "openapi": "3.0.0"})
        wanted = Wanted(read, "https://harbour.example.com", ChosenServer(), effort=Effort(60))
        (found,) = operations_of(read)

        assert len(definition_of(found, wanted)[0].spec["places"]) == 40
        with pytest.raises(NotExpressible, match="import fewer at once"):
            definition_of(found, wanted)

    @pytest.mark.parametrize(
        "schema",
        [
            {"default": [0] * 1000},
            {"enum": [[0]]},
            {"enum": ["x"] * 301},
            {"enum": ["x" * 301]},
            {"required": ["x"] * 301},
            {"pattern": "x" * 201},
            {f"x{number}": 1 for number in range(301)},
        ],
    )
    def test_what_is_too_long_is_left_out(self, schema: Json) -> None:
        assert Translator(read_document(document()), Effort()).translated(schema) == {}


def test_names() -> None:
    assert tool_name("list boats!", "h_") == "h_list_boats"
    assert tool_name("9", "") == "_9"
    long = tool_name("a" * 50, "")
    assert len(long) == 40 and long != tool_name("a" * 51, "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 1}),
        ({"type": "string", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"anyOf": [{"type": "string"}], "discriminator": {}, "example": 1}, {"anyOf": [{"type": "string"}]}),
        ({"type": "string", "pattern": "("}, {"type": "string"}),
        ({"type": ["string", "gone"]}, {"type": "string"}),
    ],
)
def test_schemas(given: Json, expected: Json) -> None:
    assert Translator(read_document(document()), Effort()).translated(given) == expected
