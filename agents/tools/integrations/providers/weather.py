"""The weather now, by OpenWeatherMap."""

from collections.abc import Mapping
from typing import Any

from agents.tool_types import Effect
from agents.tools.integrations.method import IntegrationCall, Method, schema, text
from agents.tools.integrations.web import address_of, fetch_object, object_in, objects_in


def get(call: IntegrationCall) -> dict[str, Any]:
    """`{result: text}`."""
    answer = fetch_object(
        call,
        "GET",
        f"{address_of('weather', 'https://api.openweathermap.org')}/data/2.5/weather",
        params={
            "q": call.arguments["location"],
            "units": "metric",
            "appid": call.setup["openweathermap_api_key"],
        },
    )
    return {"result": _told(call.arguments["location"], answer)}


def _told(location: str, answer: Mapping[str, Any]) -> str:
    air, wind = object_in(answer, "main"), object_in(answer, "wind")
    facts = [
        ("Weather", ", ".join(str(sky.get("description")) for sky in objects_in(answer, "weather")), ""),
        ("Temperature", air.get("temp"), " °C"),
        ("Feels like", air.get("feels_like"), " °C"),
        ("Humidity", air.get("humidity"), " %"),
        ("Pressure", air.get("pressure"), " hPa"),
        ("Wind", wind.get("speed"), " m/s"),
        ("Clouds", object_in(answer, "clouds").get("all"), " %"),
        ("Rain in the last hour", object_in(answer, "rain").get("1h"), " mm"),
    ]
    known = [f"{name}: {value}{unit}" for name, value, unit in facts if value not in (None, "")]
    return "\n".join([f"The weather in {answer.get('name') or location} now:", *known])


METHODS = (
    Method(
        provider="weather",
        name="get",
        effect=Effect.READS,
        description="Tell the weather of a place now.",
        run=get,
        arguments=schema("location", location=text("Name of the place, such as `London,GB`")),
        setup=schema("openweathermap_api_key", openweathermap_api_key=text("Key of the OpenWeatherMap API")),
        server_keys={"openweathermap_api_key": "OPENWEATHERMAP_API_KEY"},
    ),
)
