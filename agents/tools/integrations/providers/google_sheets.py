"""Cells of Google's spreadsheets."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings

from agents.tool_types import Effect
from agents.tools.errors import ToolError
from agents.tools.integrations.google_account import access_token
from agents.tools.integrations.method import ACCESS_TOKEN, IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object, object_in, objects_in

_SCOPE = "https://www.googleapis.com/auth/spreadsheets"
_TOLD = {
    "updated_range": "updatedRange",
    "updated_rows": "updatedRows",
    "updated_columns": "updatedColumns",
    "updated_cells": "updatedCells",
}
_TOTALS = {
    "total_updated_sheets": "totalUpdatedSheets",
    "total_updated_rows": "totalUpdatedRows",
    "total_updated_columns": "totalUpdatedColumns",
    "total_updated_cells": "totalUpdatedCells",
}


def read_values(call: IntegrationCall) -> dict[str, Any]:
    """`{range, major_dimension, values}`."""
    answer = _send(call, "GET", f"/{_quoted(call, 'range')}", params=_reading(call))
    return _value_range(call, answer, str(call.arguments["range"]))


def write_values(call: IntegrationCall) -> dict[str, Any]:
    """`{spreadsheet_id, updated_range, updated_rows, updated_columns, updated_cells, updated_values}`."""
    return _written(call, _send(call, "PUT", f"/{_quoted(call, 'range')}", params=_writing(call), json=_body(call)))


def append_values(call: IntegrationCall) -> dict[str, Any]:
    """`{spreadsheet_id, updated_range, updated_rows, updated_columns, updated_cells, updated_values}`."""
    params = {**_writing(call), "insertDataOption": call.arguments["insert_data_option"]}
    answer = _send(call, "POST", f"/{_quoted(call, 'range')}:append", params=params, json=_body(call))
    return _written(call, object_in(answer, "updates"))


def clear_values(call: IntegrationCall) -> dict[str, Any]:
    """`{spreadsheet_id, cleared_range}`."""
    answer = _send(call, "POST", f"/{_quoted(call, 'range')}:clear", json={})
    cleared = str(answer.get("clearedRange") or call.arguments["range"])
    return {"spreadsheet_id": call.arguments["spreadsheet_id"], "cleared_range": cleared}


def batch_read(call: IntegrationCall) -> dict[str, Any]:
    """`{spreadsheet_id, value_ranges: [{range, major_dimension, values}]}`."""
    answer = _send(call, "GET", ":batchGet", params={**_reading(call), "ranges": call.arguments["ranges"]})
    found = [_value_range(call, each, "") for each in objects_in(answer, "valueRanges")]
    return {"spreadsheet_id": call.arguments["spreadsheet_id"], "value_ranges": found}


def batch_write(call: IntegrationCall) -> dict[str, Any]:
    """`{spreadsheet_id, total_updated_sheets, total_updated_rows, total_updated_columns, total_updated_cells,
    responses: [{updated_range, updated_rows, updated_columns, updated_cells}]}`."""
    data = [
        {
            "range": part["range"],
            "values": part["values"],
            "majorDimension": part.get("major_dimension") or "ROWS",
        }
        for part in call.arguments["data"]
    ]
    answer = _send(call, "POST", ":batchUpdate", json={**_writing(call), "data": data})
    return {
        "spreadsheet_id": call.arguments["spreadsheet_id"],
        **{ours: answer.get(theirs) for ours, theirs in _TOTALS.items()},
        "responses": [
            {ours: each.get(theirs) for ours, theirs in _TOLD.items()} for each in objects_in(answer, "responses")
        ],
    }


def _send(call: IntegrationCall, method: str, path: str, **parts: Any) -> Mapping[str, Any]:
    home = address_of("google_sheets", "https://sheets.googleapis.com")
    url = f"{home}/v4/spreadsheets/{_quoted(call, 'spreadsheet_id')}/values{path}"
    return fetch_object(call, method, url, headers={"Authorization": f"Bearer {_token(call)}"}, **parts)


def _token(call: IntegrationCall) -> str:
    account: Any
    if call.setup.get(ACCESS_TOKEN):
        return str(call.setup[ACCESS_TOKEN])
    if call.setup["use_julep_service"]:
        account = settings.GOOGLE_SHEETS_SERVICE_ACCOUNT
        if not account:
            raise ToolError("this server has no service account of its own (setting GOOGLE_SHEETS_SERVICE_ACCOUNT)")
    else:
        account = call.setup.get("service_account_json")
        if not account:
            raise ToolError("the setup of google_sheets needs service_account_json or access_token")
    return access_token(call, account, _SCOPE)


def _quoted(call: IntegrationCall, name: str) -> str:
    return quote(call.arguments[name], safe="")


def _reading(call: IntegrationCall) -> dict[str, Any]:
    return {
        "majorDimension": call.arguments["major_dimension"],
        "valueRenderOption": call.arguments["value_render_option"],
        "dateTimeRenderOption": call.arguments["date_time_render_option"],
    }


def _writing(call: IntegrationCall) -> dict[str, Any]:
    shown = call.arguments["include_values_in_response"]
    return {"valueInputOption": call.arguments["value_input_option"], "includeValuesInResponse": shown}


def _body(call: IntegrationCall) -> dict[str, Any]:
    return {"values": call.arguments["values"]}


def _value_range(call: IntegrationCall, found: Mapping[str, Any], asked: str) -> dict[str, Any]:
    values = found.get("values")
    return {
        "range": str(found.get("range") or asked),
        "major_dimension": str(found.get("majorDimension") or call.arguments["major_dimension"]),
        "values": values if isinstance(values, list) else [],
    }


def _written(call: IntegrationCall, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "spreadsheet_id": call.arguments["spreadsheet_id"],
        **{ours: found.get(theirs) for ours, theirs in _TOLD.items()},
        "updated_values": object_in(found, "updatedData").get("values"),
    }


_SETUP = schema(
    use_julep_service={
        "type": "boolean",
        "default": False,
        "description": "Whether to work as the service account of the server, if it has one",
    },
    service_account_json={
        "anyOf": [text("The JSON file of a service account, as such or in base64"), {"type": "object"}]
    },
    access_token=text("An OAuth token, instead of a service account"),
)
_SHEET = text("Id of the spreadsheet, as in its address")
_RANGE = text("Cells in A1 notation, such as `Sheet1!A1:C10`")
_VALUES = {"type": "array", "items": {"type": "array"}, "description": "Rows of cells"}
_INPUT: dict[str, Any] = {
    "value_input_option": {"enum": ["RAW", "USER_ENTERED"], "default": "USER_ENTERED"},
    "include_values_in_response": {"type": "boolean", "default": False},
}
_OUTPUT: dict[str, Any] = {
    "major_dimension": {"enum": ["ROWS", "COLUMNS"], "default": "ROWS"},
    "value_render_option": {
        "enum": ["FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA"],
        "default": "FORMATTED_VALUE",
    },
    "date_time_render_option": {"enum": ["SERIAL_NUMBER", "FORMATTED_STRING"], "default": "FORMATTED_STRING"},
}
_PART = schema("range values", range=_RANGE, values=_VALUES, major_dimension=_OUTPUT["major_dimension"])
_INSERT = {"enum": ["OVERWRITE", "INSERT_ROWS"], "default": "INSERT_ROWS"}
_DOES = (
    (read_values, "Read cells of a spreadsheet.", "range", {"range": _RANGE, **_OUTPUT}),
    (write_values, "Write cells of a spreadsheet.", "range values", {"range": _RANGE, "values": _VALUES, **_INPUT}),
    (
        append_values,
        "Add rows below a table of a spreadsheet.",
        "range values",
        {"range": _RANGE, "values": _VALUES, "insert_data_option": _INSERT, **_INPUT},
    ),
    (clear_values, "Empty cells of a spreadsheet.", "range", {"range": _RANGE}),
    (
        batch_read,
        "Read several ranges of a spreadsheet.",
        "ranges",
        {"ranges": {"type": "array", "items": _RANGE, "minItems": 1}, **_OUTPUT},
    ),
    (
        batch_write,
        "Write several ranges of a spreadsheet.",
        "data",
        {"data": {"type": "array", "items": _PART, "minItems": 1}, **_INPUT},
    ),
)

METHODS = tuple(
    Method(
        provider="google_sheets",
        name=run.__name__,
        effect=Effect.READS if run.__name__.endswith(("read_values", "batch_read")) else Effect.CHANGES,
        description=does,
        run=run,
        arguments=schema(f"spreadsheet_id {required}", spreadsheet_id=_SHEET, **arguments),
        setup=_SETUP,
    )
    for run, does, required, arguments in _DOES
)
