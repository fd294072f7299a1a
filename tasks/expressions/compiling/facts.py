"""What the text of an expression says without being run."""

from dataclasses import dataclass, field


@dataclass
class Facts:
    """Filled in by the compiler.

    `lookups` are items read under a key that is written out: `steps['x']` is `("steps", "x")`. `is_literal` stays true
    while there are only literals and operators, `is_light` while all is light (see `light`).
    """

    names: set[str] = field(default_factory=set)
    functions_called: set[str] = field(default_factory=set)
    functions_named: set[str] = field(default_factory=set)
    modules_named: set[str] = field(default_factory=set)
    module_attributes: set[str] = field(default_factory=set)
    constants_named: set[str] = field(default_factory=set)
    lookups: set[tuple[str, str | int]] = field(default_factory=set)
    issues: list[tuple[str, str]] = field(default_factory=list)
    is_literal: bool = True
    is_light: bool = True
