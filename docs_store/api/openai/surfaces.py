"""What becomes of each parameter that OpenAI publishes for files and vector stores."""

from julep_project.core.reading.surface import Surface, honoured, refused

_TYPES = "openai.types"
_IN_STORES = "openai.types.vector_stores"
_IN_PATH = honoured("vector_store_id", "It stands in the path.")
_AS_CHUNKS = honoured("chunking_strategy", "A token is taken for four characters; `auto` has no overlap.")
_FOUND_BY = honoured("attributes")
_PAGE = (honoured("after"), honoured("before"), honoured("limit"), honoured("order"))

FILES = Surface(
    "Files",
    "POST /v1/files",
    published=(f"{_TYPES}.file_create_params:FileCreateParams",),
    parameters=(
        honoured("file"),
        honoured("purpose", "It is kept, and has no consequences but the expiry of `batch`."),
        honoured("expires_after"),
    ),
)
LIST_OF_FILES = Surface(
    "List of files",
    "GET /v1/files",
    published=(f"{_TYPES}.file_list_params:FileListParams",),
    parameters=(honoured("after"), honoured("limit"), honoured("order"), honoured("purpose")),
)
VECTOR_STORES = Surface(
    "Vector stores",
    "POST /v1/vector_stores",
    published=(f"{_TYPES}.vector_store_create_params:VectorStoreCreateParams",),
    parameters=(
        honoured("name"),
        honoured("description", "It is kept for staff, and is in no answer."),
        honoured("file_ids"),
        _AS_CHUNKS,
        honoured("expires_after"),
        honoured("metadata"),
    ),
)
CHANGES_OF_VECTOR_STORES = Surface(
    "Changes of vector stores",
    "POST /v1/vector_stores/{store}",
    published=(f"{_TYPES}.vector_store_update_params:VectorStoreUpdateParams",),
    parameters=(honoured("name"), honoured("expires_after"), honoured("metadata")),
)
LIST_OF_VECTOR_STORES = Surface(
    "List of vector stores",
    "GET /v1/vector_stores",
    published=(f"{_TYPES}.vector_store_list_params:VectorStoreListParams",),
    parameters=_PAGE,
)
SEARCHES_IN_VECTOR_STORES = Surface(
    "Searches in vector stores",
    "POST /v1/vector_stores/{store}/search",
    published=(f"{_TYPES}.vector_store_search_params:VectorStoreSearchParams",),
    parameters=(
        honoured("query"),
        honoured("filters"),
        honoured("max_num_results"),
        honoured("ranking_options", "The `ranker` `none` keeps passages that resemble others."),
        refused("rewrite_query", "Queries are searched for as they are sent.", idle=(False,)),
    ),
)
FILES_IN_VECTOR_STORES = Surface(
    "Files in vector stores",
    "POST /v1/vector_stores/{store}/files",
    published=(f"{_IN_STORES}.file_create_params:FileCreateParams",),
    parameters=(honoured("file_id"), _FOUND_BY, _AS_CHUNKS),
)
CHANGES_OF_FILES_IN_VECTOR_STORES = Surface(
    "Changes of files in vector stores",
    "POST /v1/vector_stores/{store}/files/{file}",
    published=(f"{_IN_STORES}.file_update_params:FileUpdateParams",),
    parameters=(_IN_PATH, _FOUND_BY),
)
LIST_OF_FILES_IN_VECTOR_STORES = Surface(
    "List of files in vector stores",
    "GET /v1/vector_stores/{store}/files",
    published=(f"{_IN_STORES}.file_list_params:FileListParams",),
    parameters=(*_PAGE, honoured("filter")),
)
BATCHES_OF_FILES = Surface(
    "Batches of files",
    "POST /v1/vector_stores/{store}/file_batches",
    published=(f"{_IN_STORES}.file_batch_create_params:FileBatchCreateParams",),
    parameters=(honoured("file_ids"), honoured("files"), _FOUND_BY, _AS_CHUNKS),
)
LIST_OF_FILES_IN_BATCHES = Surface(
    "List of files in batches",
    "GET /v1/vector_stores/{store}/file_batches/{batch}/files",
    published=(f"{_IN_STORES}.file_batch_list_files_params:FileBatchListFilesParams",),
    parameters=(_IN_PATH, *_PAGE, honoured("filter")),
)

STORE_SURFACES = (
    FILES,
    LIST_OF_FILES,
    VECTOR_STORES,
    CHANGES_OF_VECTOR_STORES,
    LIST_OF_VECTOR_STORES,
    SEARCHES_IN_VECTOR_STORES,
    FILES_IN_VECTOR_STORES,
    CHANGES_OF_FILES_IN_VECTOR_STORES,
    LIST_OF_FILES_IN_VECTOR_STORES,
    BATCHES_OF_FILES,
    LIST_OF_FILES_IN_BATCHES,
)
