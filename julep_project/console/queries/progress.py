"""How far waits are that several people have to answer."""

# Of a row `t` of the log that is a wait: its quorum as the newest answer left it.
QUORUM = """
    CASE WHEN t.metadata ? 'quorum' THEN coalesce((
        SELECT r.metadata->'quorum' FROM executions_transition r
        WHERE r.execution_id = t.execution_id AND r.type = 'resume' AND r.metadata ? 'person'
          AND r.metadata->>'wait' = t.id::text
        ORDER BY r.seq DESC LIMIT 1), t.metadata->'quorum') END
"""
