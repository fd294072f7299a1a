"""Files and vector stores as OpenAI's clients know them, over the files and docs there are."""
