"""The Dockerfile against the checkout: what runs in a container is there, and may write where it has to."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.compose import ROOT, read_image

IMAGE = read_image()
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
CHECKS = "# -- Checks --"


def test_everything_that_is_copied_exists() -> None:
    assert all((ROOT / source).exists() for source in IMAGE.copies.values())


def test_every_package_is_copied_under_its_name() -> None:
    copied = {source for target, source in IMAGE.copies.items() if target == source}
    assert set(PACKAGES) <= copied
    assert "manage.py" in IMAGE.copies.values()


def test_it_runs_as_a_user_without_rights_who_owns_the_state() -> None:
    made = IMAGE.index("RUN", having="useradd")
    assert "--uid 10001" in IMAGE.lines[made][1]
    assert f"mkdir -p {IMAGE.environment['JULEP_HOME']}/files" in IMAGE.lines[made][1]
    assert f"chown -R app {IMAGE.environment['JULEP_HOME']}" in IMAGE.lines[made][1]
    assert made < IMAGE.index("USER", having="app")
    assert IMAGE.only("USER") == "app"


def test_the_runtime_is_installed_without_the_tools_for_development() -> None:
    assert CHECKS in (ROOT / "requirements.txt").read_text().splitlines()
    assert f"/^{CHECKS}/,$d" in IMAGE.lines[IMAGE.index("RUN")][1]


def test_the_image_has_whatever_the_code_imports() -> None:
    """Everything that is imported is required by the part of the requirements that the image installs."""
    installed = _closure(_runtime_requirements())
    providers = packages_distributions()

    missing = {
        name
        for name in _imported()
        if name not in sys.stdlib_module_names
        and name not in PACKAGES
        and not {canonicalize_name(found) for found in providers.get(name, ())} & installed
    }

    # A peer to be measured beside, and what drives a browser to measure pages, where somebody has installed them.
    assert missing == {"dbos", "playwright"}


def _runtime_requirements() -> list[Requirement]:
    text = (ROOT / "requirements.txt").read_text().partition(CHECKS)[0]
    lines = (line.partition(" #")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def _closure(wanted: list[Requirement]) -> set[str]:
    """Names of the distributions that come with these."""
    found: set[tuple[str, str]] = set()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        for extra in ("", *one.extras):
            if (name, extra) in found:
                continue
            found.add((name, extra))
            needs = [Requirement(text) for text in requires(name) or ()]
            wanted += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def _imported() -> set[str]:
    files = [ROOT / "manage.py", *(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))]
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text())))
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
