"""JSON as it is stored and sent."""

import json

import pytest

from julep_project.core.api.renderers import to_json
from julep_project.core.reading.jsontext import NotStorable, to_json_text
from tests.effort import calls_made

HUGE = 2**70


def test_whole_numbers_beyond_64_bits_keep_their_digits() -> None:
    value = {"n": [HUGE, 0.5, "é", None, True, {}]}

    assert to_json_text(value) == '{"n":[1180591620717411303424,0.5,"é",null,true,{}]}'
    assert json.loads(to_json(value)) == value


def test_beside_them_nothing_is_written_in_one_long_call() -> None:
    fractions = [HUGE, *[n / 7 for n in range(10_000)]]

    for write in (to_json_text, to_json):
        assert calls_made(lambda write=write: write(fractions)) > len(fractions)


@pytest.mark.parametrize("value", [float("nan"), "\ud83d", "\x00", object()])
def test_what_cannot_be_stored_is_refused_beside_them_too(value: object) -> None:
    with pytest.raises(NotStorable):
        to_json_text([HUGE, value])
    with pytest.raises(NotStorable):
        to_json_text([value])
