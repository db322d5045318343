"""The terminal app and the command line; they ask the engine and draw, and compute nothing themselves."""
