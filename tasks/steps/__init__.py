"""Step kinds: one module each, pure Python. `registry` finds them."""
