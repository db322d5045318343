"""What the check-up has found so far: as a sheet with every remedy, and as fewer lines for less room."""

from collections.abc import Sequence

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.machine import checks
from explorer.results.lines import Line, Segment, beside, cut, plain, wrapped

SUBJECT = 14
"""Cells of a finding's subject and a blank."""


def counts(checkup: checks.Checkup) -> str:
    """`9 ok · 3 need you · checking …`."""
    bad = sum(not finding.works for finding in checkup.findings)
    parts = [f"{len(checkup.findings) - bad} ok"] if checkup.findings else []
    parts += [f"{bad} {'needs' if bad == 1 else 'need'} you"] if bad else []
    return " · ".join([*parts, *([] if checkup.over else ["checking …"])])


def mark(finding: checks.CheckFinding) -> Segment:
    """Whether it works."""
    return ("✔ ", "good") if finding.works else ("✗ ", "warn")


def in_full(finding: checks.CheckFinding, width: int) -> list[Line]:
    """A finding with its remedy on as many lines as they need."""
    hang = SUBJECT + 2
    (_, *first), *rest = wrapped(finding.said, width, first=" " * hang, hang=hang)
    lines: list[Line] = [(mark(finding), (finding.subject.ljust(SUBJECT), ""), *first), *rest]
    if finding.remedy:
        lines += wrapped(finding.remedy, width, "accent", first=" " * (hang - 2) + "→ ", hang=hang)
    return lines


def brief(finding: checks.CheckFinding, width: int) -> Line:
    """A finding on one line."""
    return cut((mark(finding), (finding.subject.ljust(SUBJECT), ""), (finding.said, "dim")), width)


def summary(findings: Sequence[checks.CheckFinding], width: int, height: int) -> list[Line]:
    """The findings in so many lines: in full, on a line each, side by side what works, or as many as fit."""
    full = [line for finding in findings for line in in_full(finding, width)]
    if len(full) <= height:
        return full
    each = [brief(finding, width) for finding in findings]
    if len(each) <= height:
        return each
    half = (width - 2) // 2
    fine = [brief(finding, half) for finding in findings if finding.works]
    middle = (len(fine) + 1) // 2
    rest = [brief(finding, width) for finding in findings if not finding.works]
    both = [*rest, *beside([(fine[:middle], half), (fine[middle:], half)])]
    return both if len(both) <= height else [*both[: max(0, height - 1)], plain("… and more", "dim")]


class Findings(Sheet):
    """Everything the check-up has found, with every remedy."""

    SCOPE = "check"

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The findings, and whether more will come."""
        checkup = self.host.checkup
        lines: list[Line] = [()]
        for finding in checkup.findings:
            lines += [((" ", ""), *line) for line in in_full(finding, width - 2)]
        if not checkup.over:
            lines += [plain("   more is being looked at; torch takes a few seconds …", "dim")]
        return Page([*lines, ()], title=f"Check this machine · {counts(checkup)}", note=self.keys(width))
