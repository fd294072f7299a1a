"""One run of the benchmark, from the description of the machine to the table."""

import os
from collections.abc import Sequence
from typing import TextIO

from julep_project.bench.machine import describe_machine, load_line
from julep_project.bench.parts import PARTS, Workload
from julep_project.bench.processes import peer_workers
from julep_project.bench.table import Row, markdown
from julep_project.devservices.plan import read_plan


def report(parts: Sequence[str], effort: Workload, out: TextIO) -> None:
    """Measure the parts one after the other and print what came out."""
    plan = read_plan({**os.environ, "PORT": "0", "FLOWER_PORT": "0"})
    lines = describe_machine()
    rows: list[Row] = []
    with peer_workers(plan.engine_processes, plan.io_threads):
        for part in parts:
            out.write(f"measuring {part} ...\n")
            out.flush()
            measured = PARTS[part](effort)
            out.writelines("  " + "  ".join(row.cells()) + "\n" for row in measured)
            out.flush()
            rows += measured
    lines.append(load_line("after"))
    lines.append(
        f"Workers: {plan.engine_processes} engine processes, {plan.io_threads} io threads, the same again for the raw "
        f"tasks; median of {effort.repeats}"
    )
    out.write("\n" + "\n".join(f"- {line}" for line in lines) + "\n\n" + markdown(rows) + "\n")
