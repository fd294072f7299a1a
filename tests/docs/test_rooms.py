"""A folder can be taken in at a glance, and so can a file."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_FILES = 20
MOST_LINES = 500


def _files() -> list[Path]:
    top = (path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name != "staticfiles")
    below = (path for folder in top if folder.is_dir() for path in folder.rglob("*"))
    return [path.relative_to(ROOT) for path in below if path.is_file() and path.suffix != ".pyc"]


def test_no_folder_has_many_files() -> None:
    # Migrations are history, which nobody arranges.
    beside = Counter(str(file.parent) for file in _files() if file.parent.name != "migrations")
    assert [folder for folder, count in beside.items() if count > MOST_FILES] == []


def test_no_module_is_long() -> None:
    modules = [file for file in _files() if file.suffix == ".py"]
    assert len(modules) > MOST_FILES
    assert [str(file) for file in modules if len((ROOT / file).read_text().splitlines()) > MOST_LINES] == []
