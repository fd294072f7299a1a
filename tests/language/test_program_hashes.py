"""A task is the same program whichever of the supported Pythons compiles it: its hash is stored with it, and runs go on
with it on other machines.

`program_hashes.yaml` holds the hashes of the published tasks and of what Pythons read in their own ways. When the
language itself has changed, `python -m tests.language.test_program_hashes` writes them anew.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from tasks.programs.compile import compile_task
from tests.language.programs import compiled

_HASHES = Path(__file__).with_name("program_hashes.yaml")
_PUBLISHED = Path(__file__).parents[1] / "flows" / "published"
_OF_THE_AGENT = {"enrich": "function"}
_ODD = {
    "f-strings": [r"""$ f'{_['a']!r:>{3}} {f"{1}"} \n {{}}'""", r"""$ f"{'x' + "y"}" """],
    "numbers": ["$ 1_000 + 0x1f + 1e3 + .5 - 0.1", "$ 10**20", "$ 1.0 + 1e400"],
    "texts": [r"$ 'a' 'b' r'\d' '\N{BULLET}\x41\u00e9'", "$ '''x\ny'''", "$ 'e\u0301\U0001f30a'"],
    "comprehensions": ["$ {k: [v for v in w if v] for k, w in _.items()}", "$ [*_, *[1]]", "$ {**_, 'b': 2}"],
    "operators": ["$ _[1:2:3] if not _ else ~1", "$ 1 < 2 <= 3 != 4"],
    "templates": ["{% for x in _ %}{{ loop.index }} {{ x | upper }}{% endfor %}", "{_.a!r:>9}", "{{ _.from }}"],
}


def _hashes() -> Iterator[tuple[str, str]]:
    for name, values in _ODD.items():
        yield name, compiled({"evaluate": {f"v{place}": value for place, value in enumerate(values)}}).sha256
    for file in sorted(_PUBLISHED.glob("*/*.yaml")):
        body = next(iter(yaml.safe_load_all(file.read_text())))
        yield file.stem, compile_task(body, agent_tools=_OF_THE_AGENT).sha256


def test_hashes_of_programs() -> None:
    assert dict(_hashes()) == yaml.safe_load(_HASHES.read_text())


if __name__ == "__main__":
    _HASHES.write_text(yaml.safe_dump(dict(_hashes())))
