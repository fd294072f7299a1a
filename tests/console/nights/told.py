"""What the documentation says of the jobs of a night."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[3] / "docs" / "console.md"
# From the overview, or from an id, to knowing what is wrong.
MOST_CLICKS = 4


class Job(NamedTuple):
    """A row of the table."""

    what: str
    way: str
    clicks: int


_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| (\d+) \|", re.MULTILINE)
JOBS = {int(number): Job(what, way, int(clicks)) for number, what, way, clicks in _ROW.findall(PAGE.read_text("utf-8"))}
