"""Data sets: where their files lie, what they hold, and how they become tensors."""
