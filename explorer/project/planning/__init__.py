"""Planning: what a sweep is, as typed in fields or as a file, and what it costs."""

from explorer.project.planning.cost import Cost, cost
from explorer.project.planning.draft import Draft, errors, plan
from explorer.project.planning.sweep_text import SweepText

__all__ = ["Cost", "Draft", "SweepText", "cost", "errors", "plan"]
