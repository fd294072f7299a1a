"""XLSX by openpyxl, row by row: values as they were when the workbook was saved. A sheet is a heading."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import openpyxl

from docs_store.extraction.archive import checked
from docs_store.extraction.errors import FileProblem, damaged, too_large
from docs_store.extraction.formats.table import rows
from docs_store.extraction.limits import MOST_CELLS
from docs_store.extraction.parts import Part, Parts, Source, broken, grouped

_MOST_SHEETS = 1000


def parts(source: Source) -> Parts:
    checked(source.content)
    try:
        workbook = openpyxl.load_workbook(source.content, read_only=True, data_only=True, keep_links=False)
    except (FileProblem, MemoryError):
        raise
    except Exception as error:
        raise damaged("The workbook", error) from error
    sheets = workbook.worksheets
    if len(sheets) > _MOST_SHEETS:
        raise too_large(f"The workbook has {len(sheets)} sheets; at most {_MOST_SHEETS} are read")
    return Parts(_sheets(sheets))


def _sheets(sheets: list[Any]) -> Iterator[Part]:
    for number, sheet in enumerate(sheets, 1):
        try:
            # What the sheet says of its size may be anything.
            sheet.reset_dimensions()
            yield from grouped(rows(_cells(sheet)), page=number, heading=sheet.title)
        except MemoryError:
            raise
        except Exception as error:
            yield broken(damaged("The sheet", error), page=number, heading=sheet.title)


def _cells(sheet: Any) -> Iterator[Iterator[str]]:
    for row in sheet.iter_rows(values_only=True):
        yield map(_shown, row[:MOST_CELLS])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)
