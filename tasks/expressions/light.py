"""What is light: parts of the language that do nothing long in one piece, whatever they are given.

Everything here is bounded by what it charges, and looks at the clock between its pieces. So a light expression may be
evaluated beside other work of a process. The others are bounded too, but a fault in a bound would hold up all threads:
they are evaluated where nothing else runs.
"""

FUNCTIONS = frozenset("abs bool enumerate float get int isinstance len list range round str zip namespace".split())

METHODS = frozenset(
    """
    get items keys values capitalize lower upper title swapcase strip lstrip rstrip startswith endswith
    removeprefix removesuffix join split isdigit isalpha isspace isoformat cycle changed
    """.split()
)

FILTERS = frozenset(
    """
    abs attr capitalize count d default escape e first float int items join last length list lower round safe string
    title trim truncate upper
    """.split()
)
