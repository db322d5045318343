"""The sheet about a run that failed: what happened, what is kept, what to do, and the end of its traceback."""

import re
from collections.abc import Sequence

from explorer.app.widgets.page import Page
from explorer.app.widgets.sheet import Sheet
from explorer.project import run_commands
from explorer.results import failures, run_folder, run_words, text
from explorer.results.lines import Line, cut, plain, wrapped
from explorer.results.run_folder import WEIGHTS, RunFolder
from store.rows import Run

HANG = 17
WORDS_OF_LOG = 4
"""Lines of the log that are shown where it holds no traceback of this failure."""


class FailureSheet(Sheet):
    """Explains one failed run; its screen acts."""

    SCOPE = "failure"

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.folder: RunFolder | None = None
        """The run's folder; None until it was read."""

    @property
    def run(self) -> Run:
        """The run's row of the list."""
        return self.project.runs[self.run_id]

    @property
    def half(self) -> int | None:
        """Half of the batch size where training with it may help."""
        rows = self.project.rows("run", run_id=self.run_id)
        helps = rows and failures.explain(self.run).smaller_batch
        return run_commands.halved(rows[0].spec) if helps else None

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The sheet's text."""
        room = width - 2
        explanation = failures.explain(self.run)
        lines: list[Line] = [(), plain(f"  {explanation.title}", "bad"), ()]
        for title, words in (
            ("What happened", explanation.what),
            ("What is kept", self._kept()),
            ("What to do", self._to_do(explanation)),
        ):
            lines += wrapped(words, room, first=f"  {title}", hang=HANG)
        end = self._end(room)
        return Page([*lines, *([()] if end else []), *end, ()], title=self._title(width), note=self.keys(width))

    def _title(self, width: int) -> str:
        run = self.run
        left = f"{run.name} {run.state}"
        step = self._last_step()
        right = " · ".join(
            [
                run_words.clock(run.ended),
                *([f"step {step}"] if step else []),
                *([run.device] if run.device else []),
            ]
        )
        fill = width - len(left) - len(right) - 6
        return f"{left} {'━' * fill} {right}" if fill > 0 else left

    def _last_step(self) -> int | None:
        return max((row.step for row in self.project.rows("history", run_id=self.run_id) or ()), default=None)

    def _kept(self) -> str:
        folder, step = self.folder, self._last_step()
        if folder is None:
            return "reading its folder …"
        parts = ["settings and log" if folder.files else "settings; its folder is not on this disk"]
        parts += [f"history up to step {step}"] if step else []
        if folder.checkpoint is not None:
            before = (self.run.ended or folder.checkpoint.time) - folder.checkpoint.time
            parts.append(f"a checkpoint of step {folder.checkpoint.step}, {text.duration(before)} before the end")
        elif not folder.has(WEIGHTS):
            parts.append("no checkpoint yet")
        parts += ["the trained model"] if folder.has(WEIGHTS) else []
        parts += ["its predictions"] if folder.has("predictions.npz") else []
        words = ", ".join(parts)
        return f"{words[:1].upper()}{words[1:]}. Other runs go on."

    def _to_do(self, explanation: failures.Explanation) -> str:
        if self.project.read_only:
            keys = f"This app is read-only; `mia-explore retry {self.run_id}` queues it again."
            return f"{keys} {explanation.advice}"
        folder = self.folder
        start = f"from step {folder.checkpoint.step}" if folder and folder.checkpoint else "as it was"
        keys = f"r retries it {start}"
        if self.half:
            keys += f"; b queues it with batch size {self.half} and as many steps: another experiment, with its own id"
        return f"{keys}. {explanation.advice}"

    def _end(self, width: int) -> list[Line]:
        """The end of the traceback, or of the log where it has none of this failure."""
        if self.folder is None or not self.folder.log.count:
            return []
        log = self.folder.log
        shown = run_folder.last_error(log, self.run.error or "")
        lines = _condensed(shown) if shown else [f"  {line.strip()}" for line in log.lines[-WORDS_OF_LOG:]]
        more = log.count - (len(shown) or len(lines))
        lines += [f"    ({more} more {'line' if more == 1 else 'lines'} — L opens the log)"] if more > 0 else []
        return [cut(plain(line.expandtabs(4), "dim"), width + 2) for line in lines]


def _condensed(lines: Sequence[str]) -> list[str]:
    """A traceback's end: `engine/training/loop.py:214  loss.backward()`, then the exception."""
    *places, exception = lines
    place = re.search(r'File "(.*)", line (\d+)', places[0]) if places else None
    if place is None:
        return [f"  {exception}"]
    path = "/".join(place[1].split("/")[-2:])
    return [f"  {path}:{place[2]}  {places[1].strip() if len(places) > 1 else ''}", f"    {exception}"]
