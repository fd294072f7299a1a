"""Every metric there is. The table in `docs/operations.md` is made of this one."""

from julep_project.core.telemetry.metrics import Counter, Gauge, Histogram

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALLS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_LONG = (0.05, 0.25, 1, 5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)

# -- Runs --
RUNS_STARTED = Counter("julep_runs_started_total", "Runs that were started.", named=("task",))
RUNS_ENDED = Counter(
    "julep_runs_ended_total", "Runs that ended: `succeeded`, `failed` or `cancelled`.", ("result",), named=("task",)
)
RUN_SECONDS = Histogram("julep_run_seconds", "From the start of a run to its end.", ("result",), bounds=_LONG)
STEPS = Counter("julep_steps_total", "Steps that were finished, by their kind.", ("kind",))
SLICES = Counter(
    "julep_slices_total",
    "Slices: `committed`, or `refused` because the claim was lost or the run has ended.",
    ("result",),
)
SLICE_SECONDS = Histogram("julep_slice_seconds", "From the claim of a branch to the commit.", bounds=_QUICK)
BRANCH_WAIT = Histogram(
    "julep_branch_wait_seconds", "From when a branch could go on until a worker took it.", bounds=_QUICK
)
TIMER_LATENESS = Histogram(
    "julep_timer_lateness_seconds",
    "From the time that a sleeping branch waited for until a worker took it.",
    bounds=_QUICK,
)

# -- Calls --
MODEL_CALLS = Counter(
    "julep_model_calls_total", "Calls of models: `succeeded` or `failed`.", ("result",), named=("model",)
)
MODEL_SECONDS = Histogram(
    "julep_model_call_seconds", "Until the whole answer was there.", named=("model",), bounds=_CALLS
)
MODEL_TOKENS = Counter("julep_model_tokens_total", "Tokens: `prompt` or `completion`.", ("part",), named=("model",))
MODEL_COST = Counter("julep_model_cost_dollars_total", "What calls cost whose price is known.", named=("model",))
TOOL_CALLS = Counter(
    "julep_tool_calls_total", "Calls of tools: `succeeded` or `failed`.", ("type", "result"), named=("tool",)
)
TOOL_SECONDS = Histogram("julep_tool_call_seconds", "Until the tool gave its result.", ("type",), bounds=_CALLS)
CHATS = Counter("julep_chats_total", "Chats that ended: `succeeded` or `failed`.", ("result",))
CHAT_SECONDS = Histogram("julep_chat_seconds", "From the begin of a chat to its end.", bounds=_CALLS)
RESPONSES = Counter("julep_responses_total", "Responses that ended, by their status.", ("status",))

# -- Work in the background --
LEASES_LOST = Counter("julep_leases_lost_total", "Claims whose worker did not come back in time.", ("work",))
SWEEPS = Counter(
    "julep_sweeps_total",
    "Passes of upkeep: `done`, `failed`, or `left_out` while the last is under way.",
    ("keeper", "result"),
)
SWEEP_SECONDS = Histogram("julep_sweep_seconds", "How long a pass of upkeep took.", ("keeper",), bounds=_CALLS)
SWEEP_FOUND = Counter("julep_sweep_found_total", "Rows that a pass rang for, or dealt with.", ("keeper",))
KEEPER_AGE = Gauge(
    "julep_keeper_age_seconds", "Since the upkeep was last done; a day if never, or longer.", ("keeper",)
)
KEEPER_EVERY = Gauge("julep_keeper_interval_seconds", "How often it is to be done.", ("keeper",))
WORK_DUE = Gauge("julep_work_due", "Rows that wait for a worker, at most 10,000.", ("keeper",))
WORK_OLDEST = Gauge("julep_work_oldest_seconds", "How long the first of them has waited.", ("keeper",))
WORK_RUNNING = Gauge("julep_work_running", "Rows that are worked on, at most 10,000.", ("keeper",))
BRANCHES = Gauge("julep_branches", "Branches of runs by their status, at most 10,000.", ("status",))
TIMERS_LATE = Gauge("julep_timers_late_seconds", "How long the time is over that a sleeping branch waits for.")
HELD_UP = Gauge(
    "julep_branches_held_up",
    "Branches that wait for a neighbour that is away, for `a pause`, or for `its developer` to be switched on.",
    ("neighbour",),
)
PAUSES = Gauge("julep_pauses", "Pauses that are in force.", ("scope",))
QUEUE_MESSAGES = Gauge("julep_queue_messages", "Messages that wait in Redis.", ("queue",))

# -- HTTP --
HTTP_REQUESTS = Counter(
    "julep_http_requests_total",
    "Requests that were answered, by the class of the status.",
    ("method", "route", "status"),
)
HTTP_SECONDS = Histogram(
    "julep_http_request_seconds",
    "Until the answer was given, or its stream had ended.",
    ("method", "route"),
    bounds=_QUICK,
)
HTTP_REFUSED = Counter("julep_http_refused_total", "Requests that came to no route: the server is full.", ("status",))
REQUESTS_OPEN = Gauge(
    "julep_http_requests_open", "Requests inside of the server: `streams` are chats and streams.", ("part",)
)

# -- Processes and neighbours --
PROCESSES = Gauge("julep_processes", "Processes that do work.", ("process",))
WORKERS = Gauge("julep_workers", "Processes that take messages of a queue.", ("queue",))
RESIDENT = Gauge("julep_process_resident_bytes", "Memory of all of them.", ("process",))
POOL = Gauge("julep_database_pool_connections", "Connections of pools: `used` or `idle`.", ("process", "state"))
POOL_WAITING = Gauge("julep_database_pool_waiting", "Threads that wait for a connection.", ("process",))
SLOW_STATEMENTS = Counter("julep_slow_statements_total", "Statements above `SLOW_STATEMENT_MS`.")
DATABASE_UP = Gauge("julep_database_up", "1 if the database answers.")
DATABASE_CONNECTIONS = Gauge("julep_database_connections", "Connections to the whole server.")
DATABASE_CONNECTIONS_MOST = Gauge("julep_database_connections_most", "As many as it takes.")
DATABASE_BYTES = Gauge("julep_database_size_bytes", "Size of the database.")
REDIS_UP = Gauge("julep_redis_up", "1 if Redis answers; counters are missing otherwise.")
DISK_FREE = Gauge("julep_disk_free_bytes", "Free where contents are stored, as the API sees it; none of a bucket.")
DISK_BYTES = Gauge("julep_disk_size_bytes", "Size of that file system.")
SECRETS_OLD = Gauge("julep_secrets_sealed_with_older_key", "Secrets that `rotate_secrets` has to seal anew.")
