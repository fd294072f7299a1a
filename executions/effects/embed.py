"""Effect of an embed step: vectors of texts."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings

from agents.llm import gateway
from docs_store.api.serializers import EmbedBody
from docs_store.search.embedded_text import query_text
from docs_store.selectors import stored_dimensions
from executions.engine.run import Run


def prepare(run: Run, effect: dict[str, Any]) -> Callable[[], Any]:
    """What gives `{vectors}`; everything it needs from the database is read by now.

    Raises:
        InvalidInput: these are not texts.
    """
    request = effect["request"]
    values = EmbedBody.read(request)
    texts = [query_text(text, values.get("embed_instruction")) for text in values["text"]]
    model = request.get("model")
    embed = partial(
        gateway.embed,
        run.developer,
        texts,
        model=model,
        dimensions=stored_dimensions(model or settings.EMBEDDING_MODEL),
        timeout_s=effect["options"].get("timeout"),
        metadata={"execution_id": str(run.execution_id), "request_id": effect["key"]},
    )
    return lambda: {"vectors": embed()}
