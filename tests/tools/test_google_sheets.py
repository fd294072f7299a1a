"""Google Sheets on loopback: the service and the tokens of service accounts."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agents.tools.errors import BadArguments, ToolError
from agents.tools.integrations import google_account
from julep_project.devservices.loopback import Reply
from tests.loopback.web_server import WebServer
from tests.tools.conftest import CallTool

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOKEN = {"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"}
SHEET = {"spreadsheet_id": "sheet/1"}
VALUES = "/v4/spreadsheets/sheet%2F1/values"
OWN_TOKEN = {"use_julep_service": False, "access_token": "own-token"}
DONE = {"updatedRange": "A1:B2", "updatedRows": 2, "updatedColumns": 2, "updatedCells": 4}
TOLD = {"updated_range": "A1:B2", "updated_rows": 2, "updated_columns": 2, "updated_cells": 4}


def _pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def _file(**changes: Any) -> str:
    file = {"type": "service_account", "client_email": "bot@example.com", "private_key": _pem(KEY), **changes}
    return json.dumps(file)


@pytest.fixture(autouse=True)
def google(settings: Any, web_server: WebServer) -> WebServer:
    settings.INTEGRATION_ADDRESSES = {"google_sheets": web_server.url}
    settings.JULEP_HTTP_ALLOW = []
    google_account._kept.clear()
    web_server.script("/token", Reply(body=TOKEN))
    return web_server


class TestWhoAsks:
    @pytest.mark.parametrize("form", ["text", "base64", "object"])
    def test_a_service_account(self, google: WebServer, call_provider: CallTool, form: str) -> None:
        forms = {"text": _file(), "base64": base64.b64encode(_file().encode()).decode(), "object": json.loads(_file())}
        google.script(f"{VALUES}/A1", Reply(body={}))

        for _ in range(2):
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"service_account_json": forms[form]})

        token, *reads = google.requests
        assert [read.headers["authorization"] for read in reads] == ["Bearer ya29.token"] * 2
        (assertion,) = parse_qs(token.body.decode())["assertion"]
        claims = jwt.decode(
            assertion, KEY.public_key(), algorithms=["RS256"], audience="https://oauth2.googleapis.com/token"
        )
        assert claims["iss"] == "bot@example.com" and claims["scope"].endswith("/auth/spreadsheets")

    def test_the_account_of_the_server(self, google: WebServer, settings: Any, call_provider: CallTool) -> None:
        google.script(f"{VALUES}/A1", Reply(body={}))
        with pytest.raises(ToolError, match="GOOGLE_SHEETS_SERVICE_ACCOUNT"):
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"use_julep_service": True})

        settings.GOOGLE_SHEETS_SERVICE_ACCOUNT = base64.b64encode(_file().encode()).decode()
        call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"use_julep_service": True})
        assert [request.path for request in google.requests] == ["/token", f"{VALUES}/A1"]

    @pytest.mark.parametrize(
        "account",
        [
            "x",
            "{",
            "{}",
            "[" * 9000,
            "{" * 20_000,
            _file(private_key="x"),
            _file(private_key=None),
            _file(private_key=_pem(KEY)[:400]),
            _file(private_key=_pem(KEY) + " " * 5000),
            _file(private_key=_pem(ec.generate_private_key(ec.SECP256R1()))),
            {"client_email": "a"},
        ],
    )
    def test_what_is_no_account(self, google: WebServer, call_provider: CallTool, account: Any) -> None:
        with pytest.raises(ToolError, match="service account in the setup is not") as caught:
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"service_account_json": account})
        assert not caught.value.retryable and google.requests == []

    def test_nobody(self, call_provider: CallTool) -> None:
        with pytest.raises(ToolError, match="service_account_json or access_token"):
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"use_julep_service": False})

    @pytest.mark.parametrize(
        ("reply", "told"),
        [
            (Reply(400, {"error": "invalid_grant"}), "invalid_grant"),
            (Reply(body={}), "did not answer with a token"),
            (Reply(body={"access_token": "ü\n"}), "did not answer with a token"),
            (Reply(302, headers={"Location": "https://a.example"}), "302"),
        ],
    )
    def test_no_token(self, google: WebServer, call_provider: CallTool, reply: Reply, told: str) -> None:
        google.script("/token", reply)

        with pytest.raises(ToolError, match=told) as caught:
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup={"service_account_json": _file()})
        assert not caught.value.retryable


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "arguments", "sent", "answer", "result"),
        [
            (
                "read_values",
                {"range": "S!A1:B2"},
                ("GET", f"{VALUES}/S%21A1%3AB2", None),
                {"range": "S!A1:B2", "majorDimension": "ROWS", "values": [["a", 1]]},
                {"range": "S!A1:B2", "major_dimension": "ROWS", "values": [["a", 1]]},
            ),
            (
                "read_values",
                {"range": "A1"},
                ("GET", f"{VALUES}/A1", None),
                {},
                {"range": "A1", "major_dimension": "ROWS", "values": []},
            ),
            (
                "write_values",
                {"range": "A1", "values": [["a", 1], [None]], "include_values_in_response": True},
                ("PUT", f"{VALUES}/A1", {"values": [["a", 1], [None]]}),
                {**DONE, "updatedData": {"values": [["a", 1]]}},
                {"spreadsheet_id": "sheet/1", **TOLD, "updated_values": [["a", 1]]},
            ),
            (
                "append_values",
                {"range": "A1", "values": [["a"]]},
                ("POST", f"{VALUES}/A1:append", {"values": [["a"]]}),
                {"updates": DONE},
                {"spreadsheet_id": "sheet/1", **TOLD, "updated_values": None},
            ),
            (
                "clear_values",
                {"range": "A1"},
                ("POST", f"{VALUES}/A1:clear", {}),
                {"clearedRange": "S!A1"},
                {"spreadsheet_id": "sheet/1", "cleared_range": "S!A1"},
            ),
            (
                "batch_read",
                {"ranges": ["A1", "B2"]},
                ("GET", f"{VALUES}:batchGet", None),
                {"valueRanges": [{"range": "A1", "values": [["a"]]}, None]},
                {
                    "spreadsheet_id": "sheet/1",
                    "value_ranges": [{"range": "A1", "major_dimension": "ROWS", "values": [["a"]]}],
                },
            ),
            (
                "batch_write",
                {"data": [{"range": "A1", "values": [["a"]]}], "value_input_option": "RAW"},
                (
                    "POST",
                    f"{VALUES}:batchUpdate",
                    {
                        "valueInputOption": "RAW",
                        "includeValuesInResponse": False,
                        "data": [{"range": "A1", "values": [["a"]], "majorDimension": "ROWS"}],
                    },
                ),
                {"totalUpdatedCells": 4, "responses": [DONE]},
                {
                    "spreadsheet_id": "sheet/1",
                    "total_updated_sheets": None,
                    "total_updated_rows": None,
                    "total_updated_columns": None,
                    "total_updated_cells": 4,
                    "responses": [TOLD],
                },
            ),
        ],
    )
    def test_each(
        self,
        google: WebServer,
        call_provider: CallTool,
        method: str,
        arguments: dict[str, Any],
        sent: tuple[str, str, Any],
        answer: dict[str, Any],
        result: dict[str, Any],
    ) -> None:
        google.script(sent[1], Reply(body=answer))

        assert call_provider("google_sheets", {**SHEET, **arguments}, method, setup=OWN_TOKEN) == result

        (request,) = google.requests
        assert (request.method, request.path, request.json() if request.body else None) == sent
        assert request.headers["authorization"] == "Bearer own-token"

    def test_what_is_asked_for(self, google: WebServer, call_provider: CallTool) -> None:
        google.script(f"{VALUES}:batchGet", Reply(body={}))
        arguments = {**SHEET, "ranges": ["A1", "B2"], "value_render_option": "FORMULA"}
        call_provider("google_sheets", arguments, "batch_read", setup=OWN_TOKEN)
        google.script(f"{VALUES}/A1:append", Reply(body={}))
        call_provider("google_sheets", {**SHEET, "range": "A1", "values": []}, "append_values", setup=OWN_TOKEN)

        read, appended = (parse_qsl(urlsplit(request.target).query) for request in google.requests)
        assert [value for name, value in read if name == "ranges"] == ["A1", "B2"]
        assert ("valueRenderOption", "FORMULA") in read and ("majorDimension", "ROWS") in read
        assert dict(appended) == {
            "valueInputOption": "USER_ENTERED",
            "includeValuesInResponse": "false",
            "insertDataOption": "INSERT_ROWS",
        }

    @pytest.mark.parametrize(
        ("reply", "told", "retryable"),
        [
            (Reply(403, {"error": {"message": "no permission for own-token"}}), "403: .*no permission", False),
            (Reply(429), "429", True),
            (Reply(302, headers={"Location": "http://127.0.0.1:1"}), "302", False),
            (Reply(body="x" * 5000), "more than 4096 bytes", False),
        ],
    )
    def test_what_google_refuses(
        self, google: WebServer, settings: Any, call_provider: CallTool, reply: Reply, told: str, retryable: bool
    ) -> None:
        settings.JULEP_HTTP_MAX_BYTES = 4096
        google.script(f"{VALUES}/A1", reply)

        with pytest.raises(ToolError, match=told) as caught:
            call_provider("google_sheets", {**SHEET, "range": "A1"}, setup=OWN_TOKEN)
        assert caught.value.retryable is retryable and "own-token" not in caught.value.message

    @pytest.mark.parametrize("arguments", [{}, {"range": ""}, {"range": "A1", "major_dimension": "X"}])
    def test_arguments_are_checked(self, google: WebServer, call_provider: CallTool, arguments: dict[str, Any]) -> None:
        with pytest.raises(BadArguments):
            call_provider("google_sheets", {**SHEET, **arguments}, setup=OWN_TOKEN)
        assert google.requests == []
