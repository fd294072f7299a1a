"""Expressions and templates: the only code that runs text written by users.

Nothing here hands text to Python to run. Source is parsed, every node is checked against a closed list, and each
expression becomes a tree of closures over our own operators, functions and methods. Jinja's expressions
are lowered to the same syntax tree: there is one compiler.

Contract for callers:

- `compile_expression(source)` returns a cached, immutable, thread-safe `Expression`:
    source, names (free names read, among them unknown functions; `state` when `get(...)` is called),
    functions_called, functions_named (as values, `key=len`), modules_named (bare), module_attributes ("datetime.now"),
    is_literal (built of literals and operators only),
    is_light (may be evaluated beside other work), issues (ExpressionIssue(issue_type, message)),
    mentions(names) -> bool, evaluate(scope, budget=None) -> plain JSON.
- `compile_template(source)` returns a cached `Template`: source, names (read but never set inside), is_light,
    issues, render(scope, budget=None) -> str.
- Every failure is an `ExpressionError`; an error raised by a `Lazy` or a `LazyObject` that is not a lookup,
    type or value error passes through unchanged, because it belongs to the caller's store.
- A result may share structure with values of the scope; nothing in the scope is ever changed.
- What is not light is evaluated where a standstill harms nothing else: in a process without threads whose timer ends
  it (`standstill`), or in one of a pool of small processes (`apart`).
- Text is source only when a caller compiles it. Values, also text values, are data and are never read as source.
"""
