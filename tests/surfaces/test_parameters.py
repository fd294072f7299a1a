"""The tables of the compatible surfaces name every published parameter, and decide what is refused."""

from typing import Any

import pytest

from julep_project.core.reading.surface import Fate, ParameterRefused, Surface, UnknownParameter
from julep_project.management.compatibility import SURFACES
from tests.surfaces.published import published_names


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
class TestSurface:
    def test_every_published_parameter_is_in_the_table(self, surface: Surface) -> None:
        published = published_names(surface)
        assert published
        assert published - set(surface.names()) == set()

    def test_every_other_one_is_said_to_be_ours(self, surface: Surface) -> None:
        ours = {parameter.name for parameter in surface.parameters if parameter.is_ours}
        assert set(surface.names()) - published_names(surface) == ours
        assert len(set(surface.names())) == len(surface.parameters)

    def test_what_is_refused_is_refused_by_name(self, surface: Surface) -> None:
        for parameter in surface.parameters:
            given: dict[str, Any] = {parameter.name: {"a": 1}}
            if parameter.fate is Fate.REFUSED:
                with pytest.raises(ParameterRefused, match=f"'{parameter.name}'") as refused:
                    surface.check(given)
                assert refused.value.param == parameter.name
            else:
                surface.check(given)

    def test_what_changes_nothing_is_taken(self, surface: Surface) -> None:
        for parameter in surface.parameters:
            for value in (None, *parameter.idle):
                surface.check({parameter.name: value})

    def test_what_nobody_knows(self, surface: Surface) -> None:
        if surface.ignores_unknown:
            surface.check({"made_up": 1})
            return
        with pytest.raises(UnknownParameter, match="'made_up'") as refused:
            surface.check({"made_up": 1})
        assert refused.value.param == "made_up"
