"""`python -m julep_project.bench [--only a,d] [--quick] [--large]`

Measures the running installation of JULEP_HOME. `manage.py bench` starts one and calls this.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

import django


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m julep_project.bench", description=__doc__)
    parser.add_argument("--only", default="", help="parts to run, such as a,d (default: all)")
    parser.add_argument("--quick", action="store_true", help="measure less often and for a shorter time")
    parser.add_argument("--large", action="store_true", help="also a map of 10 000")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "julep_project.settings")
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    django.setup()
    return _measure(options.only, quick=options.quick, large=options.large)


def _measure(only: str, *, quick: bool, large: bool) -> int:
    # Models cannot be imported before Django is set up.
    from julep_project.bench.parts import PARTS, Workload
    from julep_project.bench.report import report
    from julep_project.devservices.home import Home
    from julep_project.env import state_dir

    parts = only.replace(",", " ").split() or list(PARTS)
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        sys.stderr.write(f"error: there is no part {', '.join(unknown)}; parts are {', '.join(PARTS)}\n")
        return 2
    effort = Workload(workers=Home(state_dir()).read_note().get("children", {}))
    if quick:
        effort = replace(effort, repeats=3, sustained_s=5.0, starts=50, sleepers=1000, sleep_s=20)
        effort = replace(
            effort,
            items=200,
            largest_map=200,
            chunks=30_000,
            searches=50,
            streams=200,
            looped_calls=50,
            idle_s=20.0,
            chats=20,
        )
    report(parts, replace(effort, largest_map=10_000) if large else effort, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
