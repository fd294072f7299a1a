"""Parts of statements: which calls count in which totals."""

from agents.spending.models import LimitScope

TODAY = "(now() AT TIME ZONE 'UTC')::date"

# Columns of a call, by the scope of the limits that ask for them.
COLUMN_OF_SCOPE = {
    LimitScope.PROJECT: "project_id",
    LimitScope.AGENT: "agent_id",
    LimitScope.API_KEY: "key_id",
    LimitScope.SESSION: "session_id",
    LimitScope.EXECUTION: "execution_id",
}

_ID_OF_SCOPE = " ".join(f"WHEN '{scope.value}' THEN c.{column}" for scope, column in COLUMN_OF_SCOPE.items())

# Limits of those count what is spent for runs that their calls began.
OF_CALLERS = (LimitScope.SESSION, LimitScope.EXECUTION)
_OF_CALLERS = ", ".join(f"'{scope.value}'" for scope in OF_CALLERS)

# The call `c`, which has a `day`, counts in the total `t`.
MATCHES = f"""t.developer_id = c.developer_id AND c.day >= t.starts_on AND (t.ends_on IS NULL OR c.day < t.ends_on)
    AND (t.scope_id IS NULL OR t.scope_id = CASE t.scope {_ID_OF_SCOPE} END
         OR (t.scope IN ({_OF_CALLERS}) AND t.scope_id = ANY(c.counts_for)))"""

# Of the row `c` of a call.
DAY_OF_USAGE = "(c.created_at AT TIME ZONE 'UTC')::date"
