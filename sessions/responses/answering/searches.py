"""The searches this server makes for a model: over documents, and over the web."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

from agents.llm.dialogue import Call, UnreadableArguments, arguments_of
from agents.models import Agent, Developer, User
from agents.tools.errors import ToolError
from agents.tools.integrations import search as web
from docs_store.models import VectorStore, VectorStoreFile
from docs_store.recall import Reference, recall
from docs_store.recall_options import complete_recall_options
from docs_store.search import Owner
from docs_store.stores.references import FILE, STORE, parse_reference, reference
from docs_store.stores.searching import files_of_docs, score_of, use_store
from julep_project.core.database import run_query
from julep_project.core.errors import DomainError, NotFound
from julep_project.core.json_value import Json
from julep_project.core.process.threads import run_in
from sessions.responses.wire.errors import at
from sessions.responses.wire.file_search import FileSearch
from sessions.responses.wire.tools import FILE_SEARCH, WEB_SEARCH, Tools

LONGEST_QUERY = 2000
_WEB_TIMEOUT_S = 30.0
# Searches of all answers of this process; they wait for the network in threads. Each answer makes one at a time, with a
# query of at most `LONGEST_QUERY`.
_EXECUTOR = ThreadPoolExecutor(max_workers=16, thread_name_prefix="web-search")


class SearchFailed(Exception):
    """The search gave no result. The message is for the model."""


class Searches:
    """The searches one response may make. Make it where the database may be read."""

    def __init__(self, developer: Developer, tools: Tools) -> None:
        """Raises:
        BadRequest: web search is not configured, or a vector store has expired.
        NotFound: there is no vector store, agent or user with one of the ids.
        """
        self._developer = developer
        self._file_search = tools.file_search
        self._web_results = tools.web_results
        self._owners = _find_owners(developer, tools.file_search) if tools.file_search else []
        if WEB_SEARCH in tools.hosted:
            web.check_configured(developer)

    async def find(self, tool: str, query: str) -> list[dict[str, Json]]:
        """What the search finds, as it is shown to the model.

        Raises:
            SearchFailed
        """
        try:
            return await (self._in_documents(query) if tool == FILE_SEARCH else self._in_web(query))
        except (ToolError, DomainError) as error:
            raise SearchFailed(error.message) from error

    async def _in_documents(self, query: str) -> list[dict[str, Json]]:
        wanted = self._file_search
        assert wanted is not None
        options = complete_recall_options(
            {
                "mode": "hybrid",
                "limit": wanted.limit,
                "include_embeddings": False,
                "max_query_length": LONGEST_QUERY,
                "confidence": 0.0,
            }
        )
        ranked = await recall(self._developer, self._owners, text=query, options=options, matching=wanted.matching)
        found = [each for each in ranked if score_of(each) >= wanted.least_score]
        of_stores = [each["id"] for each in found if each["owner"]["role"] == "store"]
        files = await run_query(partial(files_of_docs, self._developer, of_stores)) if of_stores else {}
        return [_passage(each, files.get(each["id"])) for each in found]

    async def _in_web(self, query: str) -> list[dict[str, Json]]:
        look = partial(web.web_search, self._developer, query, limit=self._web_results, timeout_s=_WEB_TIMEOUT_S)
        return await run_in(_EXECUTOR, look)


def query_of(call: Call) -> str | None:
    """The query of a call; None when the model gave none."""
    try:
        query = arguments_of(call).get("query")
    except UnreadableArguments:
        return None
    return query[:LONGEST_QUERY] if isinstance(query, str) and query.strip() else None


def _passage(found: Reference, file: VectorStoreFile | None) -> dict[str, Json]:
    """A found document in the words of the response object; one that was read in a file of a store, as that file."""
    metadata = found.get("metadata") or {}
    return {
        "file_id": found["id"] if file is None else reference(FILE, file.file_id),
        "filename": found.get("title"),
        "score": score_of(found),
        "text": found["snippet"]["content"],
        "attributes": {name: value for name, value in metadata.items() if isinstance(value, str | int | float)},
    }


def _find_owners(developer: Developer, file_search: FileSearch) -> list[Owner]:
    ids = {text: parse_reference(STORE, text) for text in file_search.owner_ids}
    wanted = [owner_id for owner_id in ids.values() if owner_id is not None]
    owners = {owner.id: owner for owner in _existing(developer, wanted)}
    for text, owner_id in ids.items():
        if owner_id not in owners:
            raise at(NotFound(f"vector_store_ids: there is no vector store, agent or user '{text[:80]}'"), "tools")
    return list(owners.values())


def _existing(developer: Developer, ids: Sequence[UUID]) -> list[Owner]:
    agents = Agent.objects.for_developer(developer).filter(pk__in=ids).values_list("pk", flat=True)
    users = User.objects.for_developer(developer).filter(pk__in=ids).values_list("pk", flat=True)
    stores = list(VectorStore.objects.for_developer(developer).filter(pk__in=ids))
    for store in stores:
        use_store(store)
    return [
        *(Owner("agent", found) for found in agents),
        *(Owner("user", found) for found in users),
        *(Owner("store", store.pk) for store in stores),
    ]
