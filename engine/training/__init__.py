"""Training: the loop, its checkpoints, and one loss for each defense."""
