"""Planning a sweep before it starts: what the New sweep form holds, the runs it asks for, and what they will cost."""

from explorer.project.planning.cost import Cost, cost
from explorer.project.planning.draft import Draft, errors, plan

__all__ = ["Cost", "Draft", "cost", "errors", "plan"]
