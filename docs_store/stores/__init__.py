"""Vector stores: files that are searched together, in the words of OpenAI's API."""
