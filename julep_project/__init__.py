"""Project package: settings, wiring, the shared kernel and the embedded services."""
