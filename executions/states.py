"""The one table of statuses, transition types and what may follow what.

The database checks, the engine, the admin pages and the diagram in `docs/architecture.md` are all made from it.
"""

from django.db.models import TextChoices


class ExecutionStatus(TextChoices):
    """What a client sees of a run."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    AWAITING_INPUT = "awaiting_input"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class TransitionType(TextChoices):
    """One row of the log."""

    INIT = "init"
    INIT_BRANCH = "init_branch"
    STEP = "step"
    WAIT = "wait"
    RESUME = "resume"
    FINISH_BRANCH = "finish_branch"
    FINISH = "finish"
    ERROR = "error"
    CANCELLED = "cancelled"


class BranchStatus(TextChoices):
    """Where one thread of control stands, and so who has to act next."""

    PENDING = "pending", "waits for a lane of its map, or for earlier runs to begin"
    READY = "ready", "waits for a worker"
    RUNNING = "running", "a worker holds it under a lease"
    CALLING = "calling", "work outside the database is due or under way"
    SLEEPING = "sleeping", "waits for its time"
    AWAITING_INPUT = "awaiting_input", "waits for a person or a client"
    JOINING = "joining", "waits for its children"
    DONE = "done", "ended with an output"
    FAILED = "failed", "ended by a failure"
    CANCELLED = "cancelled", "ended from outside"


TERMINAL_EXECUTION = frozenset({ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED})
FINAL_BRANCH = frozenset({BranchStatus.DONE, BranchStatus.FAILED, BranchStatus.CANCELLED})

# Branches that will move without anybody's help: they keep a run from being `awaiting_input`.
RUNNABLE_BRANCH = frozenset(
    {
        BranchStatus.PENDING,
        BranchStatus.READY,
        BranchStatus.RUNNING,
        BranchStatus.CALLING,
        BranchStatus.SLEEPING,
    }
)

# Children that take up a place of their parent's `parallelism`. Who waits for a time or a person leaves it to the next;
# one that is joining does so when nothing below it is started or about to be.
HOLDS_PLACE = frozenset({BranchStatus.READY, BranchStatus.RUNNING, BranchStatus.CALLING})

BRANCH_EDGES: dict[BranchStatus, frozenset[BranchStatus]] = {
    BranchStatus.PENDING: frozenset({BranchStatus.READY, BranchStatus.RUNNING, BranchStatus.CANCELLED}),
    BranchStatus.READY: frozenset({BranchStatus.RUNNING, BranchStatus.CANCELLED}),
    BranchStatus.RUNNING: frozenset(set(BranchStatus) - {BranchStatus.PENDING}),
    # A call's message also runs the slice that follows it.
    BranchStatus.CALLING: frozenset(set(BranchStatus) - {BranchStatus.PENDING, BranchStatus.RUNNING}),
    BranchStatus.SLEEPING: frozenset({BranchStatus.RUNNING, BranchStatus.CANCELLED}),
    # A call that a limit of what may be spent did not allow is made after all.
    BranchStatus.AWAITING_INPUT: frozenset(
        {BranchStatus.READY, BranchStatus.RUNNING, BranchStatus.CALLING, BranchStatus.CANCELLED}
    ),
    BranchStatus.JOINING: frozenset({BranchStatus.READY, BranchStatus.CANCELLED}),
    BranchStatus.DONE: frozenset(),
    BranchStatus.FAILED: frozenset(),
    BranchStatus.CANCELLED: frozenset(),
}

# The status a run has after its newest transition. An open wait with nothing else able to run overrides it.
STATUS_AFTER: dict[TransitionType | None, ExecutionStatus] = {
    None: ExecutionStatus.QUEUED,
    TransitionType.INIT: ExecutionStatus.STARTING,
    TransitionType.INIT_BRANCH: ExecutionStatus.RUNNING,
    TransitionType.STEP: ExecutionStatus.RUNNING,
    TransitionType.RESUME: ExecutionStatus.RUNNING,
    TransitionType.FINISH_BRANCH: ExecutionStatus.RUNNING,
    TransitionType.WAIT: ExecutionStatus.AWAITING_INPUT,
    TransitionType.FINISH: ExecutionStatus.SUCCEEDED,
    TransitionType.ERROR: ExecutionStatus.FAILED,
    TransitionType.CANCELLED: ExecutionStatus.CANCELLED,
}

_GOES_ON = frozenset(set(TransitionType) - {TransitionType.INIT, TransitionType.RESUME})

# Legal order of types within one branch.
MAY_FOLLOW: dict[TransitionType | None, frozenset[TransitionType]] = {
    None: frozenset({TransitionType.INIT, TransitionType.INIT_BRANCH, TransitionType.ERROR, TransitionType.CANCELLED}),
    TransitionType.INIT: _GOES_ON - {TransitionType.FINISH_BRANCH},
    TransitionType.INIT_BRANCH: _GOES_ON,
    TransitionType.STEP: _GOES_ON,
    # Each answer to a quorum is a row.
    TransitionType.RESUME: _GOES_ON | {TransitionType.RESUME},
    TransitionType.FINISH_BRANCH: _GOES_ON,
    TransitionType.WAIT: frozenset(
        {
            TransitionType.RESUME,
            TransitionType.INIT_BRANCH,
            TransitionType.STEP,
            TransitionType.CANCELLED,
            TransitionType.FINISH,
            TransitionType.FINISH_BRANCH,
            TransitionType.ERROR,
        }
    ),
    TransitionType.FINISH: frozenset(),
    TransitionType.ERROR: frozenset(),
    TransitionType.CANCELLED: frozenset(),
}


def execution_diagram() -> str:
    """The statuses of a run and the transition types that lead to them, as a Mermaid state diagram."""
    edges: dict[tuple[ExecutionStatus, ExecutionStatus], list[str]] = {}
    for before, following in MAY_FOLLOW.items():
        for after in TransitionType:
            if after in following:
                source, target = STATUS_AFTER[before], STATUS_AFTER[after]
                names = edges.setdefault((source, target), [])
                if after.value not in names:
                    names.append(after.value)
    order = list(ExecutionStatus)
    lines = ["stateDiagram-v2", f"    [*] --> {ExecutionStatus.QUEUED.value}"]
    for source, target in sorted(edges, key=lambda pair: (order.index(pair[0]), order.index(pair[1]))):
        lines.append(f"    {source.value} --> {target.value}: {', '.join(edges[source, target])}")
    lines += [f"    {status.value} --> [*]" for status in order if status in TERMINAL_EXECUTION]
    return "\n".join(lines)


def branch_diagram() -> str:
    """The statuses of a branch, as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {BranchStatus.READY.value}", f"    [*] --> {BranchStatus.PENDING.value}"]
    for source in BranchStatus:
        targets = [target for target in BranchStatus if target in BRANCH_EDGES[source]]
        lines += [f"    {source.value} --> {target.value}" for target in targets]
        if source in FINAL_BRANCH:
            lines.append(f"    {source.value} --> [*]")
    return "\n".join(lines)
