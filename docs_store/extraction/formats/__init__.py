"""One module for each format. `parts(source)` reads a file of it."""
