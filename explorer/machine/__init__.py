"""What the machine is doing, and whether everything works on it."""
