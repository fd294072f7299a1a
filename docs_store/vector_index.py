"""Indexes for vector search: one for each model, on its own vectors only, once there are enough of them.

The index holds vectors rounded to two bytes a number: half the size, and every model of up to 4000 dimensions fits.
"""

import hashlib
import logging

from django.db import connection
from psycopg import sql

from docs_store.models import Embedding, EmbeddingModel
from julep_project.core.database import execute, fetch, has_more_than, without_limits

log = logging.getLogger(__name__)

LONGEST_INDEXED = 4000
# Below this, comparing all vectors of an owner is as fast.
WORTH_AN_INDEX = 4000

_TABLE = Embedding._meta.db_table
_BUILD_LOCK = 0x686E7377

_STATE = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
_CREATE = """
    CREATE INDEX {concurrently} {name} ON {table}
    USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WHERE model = {model}
"""


def index_name(model: str) -> str:
    """The index of a model; its name may hold anything, so a hash stands for it."""
    return f"embedding_hnsw_{hashlib.sha256(model.encode()).hexdigest()[:16]}"


def build_indexes() -> list[str]:
    """Build the indexes that are missing or broken; the models they are for. Reads and writes go on meanwhile.

    Only one caller builds at a time; others return at once.
    """
    [(is_alone,)] = fetch("SELECT pg_try_advisory_lock(%s)", [_BUILD_LOCK])
    if not is_alone:
        return []
    try:
        return [model.name for model in EmbeddingModel.objects.exclude(dimensions=None) if _ensure_index(model)]
    finally:
        execute("SELECT pg_advisory_unlock(%s)", [_BUILD_LOCK])


def drop_index(model: str) -> None:
    name = sql.Identifier(index_name(model))
    _execute(sql.SQL("DROP INDEX {} IF EXISTS {}").format(_concurrently(), name))


def is_indexed(model: str) -> bool | None:
    """Whether the model's index can be used; None when there is none."""
    found = fetch(_STATE, [index_name(model)])
    return bool(found[0][0]) if found else None


def _ensure_index(model: EmbeddingModel) -> bool:
    """Whether an index was built. One that is not valid is left over from a build that was interrupted."""
    dimensions = model.dimensions or 0
    state = is_indexed(model.name)
    if state or dimensions > LONGEST_INDEXED or not _is_worth_it(model):
        return False
    if state is False:
        drop_index(model.name)
    log.info("building a vector index", extra={"model": model.name})
    _execute(
        sql.SQL(_CREATE).format(
            concurrently=_concurrently(),
            name=sql.Identifier(index_name(model.name)),
            table=sql.Identifier(_TABLE),
            dimensions=sql.Literal(dimensions),
            model=sql.Literal(model.name),
        )
    )
    return True


def _is_worth_it(model: EmbeddingModel) -> bool:
    return has_more_than(Embedding.objects.filter(model=model.name), WORTH_AN_INDEX - 1)


def _concurrently() -> sql.SQL:
    """Postgres builds without blocking writers only outside a transaction."""
    return sql.SQL("" if connection.in_atomic_block else "CONCURRENTLY")


def _execute(statement: sql.Composed) -> None:
    with without_limits():
        execute(statement)
