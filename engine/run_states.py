"""The states of a run, in words that the engine, the store and the explorer share. Nothing heavy is imported."""

FAILED = ("failed", "diverged")
"""What went wrong."""
FINISHED = ("done", *FAILED, "cancelled")
"""The states in which a run stays until somebody asks for it again."""
WAITING = ("queued", "running")
"""All others."""
RETRIED = (*FAILED, "cancelled")
"""What can be asked for again as it is; it goes on from what it has saved."""
