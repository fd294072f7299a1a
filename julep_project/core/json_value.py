"""The name of what JSON holds, in types."""

from typing import Any

# Null, true and false, numbers, texts, lists and objects. A recursive type would have to be narrowed at every step.
Json = Any
