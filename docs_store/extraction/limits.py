"""How much of a file is read. Whatever a file says of itself, these count."""

# Characters of a chunk, unless something else is asked for; few enough for the window of any embedding model.
CHUNK_CHARACTERS = 1500
# What a token is taken for where chunks are asked for in tokens.
CHARACTERS_PER_TOKEN = 4
MOST_CHUNK_TOKENS = 4096
# No chunk is longer: one may begin with the header of its table.
LONGEST_CHUNK = MOST_CHUNK_TOKENS * CHARACTERS_PER_TOKEN + 2500
# A chunk shorter than this goes on beyond a heading.
LEAST_CHUNK_CHARACTERS = 300
# Characters of what a part of a file without pages is made of: what is stored at once.
PART_CHARACTERS = 64 * 1024

LONGEST_HEADING = 200
DEEPEST_HEADING = 6
LONGEST_TABLE_HEADER = 400

MOST_PAGES = 10_000
MOST_BOOKMARKS = 10_000
# Of one page or part, of a spreadsheet's sheet among them.
MOST_TEXT = 32 * 1024 * 1024
MOST_CELLS = 1000

# Archives, which documents of offices are: what is in them, unpacked.
MOST_ENTRIES = 20_000
MOST_UNPACKED_BYTES = 1024 * 1024 * 1024
MOST_XML_BYTES = 64 * 1024 * 1024

# Mail: how deep messages and attachments lie in one another, and how many parts there are.
DEEPEST_MAIL = 5
MOST_MAIL_PARTS = 200

# A message of the process that reads: some chunks of a part, of the usual length.
CHUNKS_PER_MESSAGE = 100
MOST_MESSAGE_BYTES = 8 * 1024 * 1024
