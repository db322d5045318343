"""Pane 4: what the engine works on, what waits for it and for how long, and what came to grief."""

from collections import Counter
from collections.abc import Iterable

from engine.run_states import FAILED
from engine.service.project import hostname
from explorer.app import actions
from explorer.app.widgets.page import Page
from explorer.app.widgets.pane import Pane
from explorer.project import places, progress
from explorer.results import text
from explorer.results.lines import Line, Segment, bar, plain, sized
from explorer.results.run_words import short_name
from explorer.results.table import Column, fit, header, row
from store.rows import Kind, Run

FEW = 8
"""Finished runs that are listed while nothing else goes on."""
ROOMY, TALL = 90, 10
"""Columns and lines from which there is room for whole labels and for a header."""


class QueuePane(Pane):
    """The work in the order in which it is done; the cursor chooses the run that all panes speak of, as in the list."""

    NUMBER, NAME, SCOPE = "4", "Queue", "queue"
    HELP = (
        "Runs at work, then those that wait, the next one first, with the time they will take (~) as far as runs of "
        "their kind have been seen at work (? where not) and why they wait, then those that failed. A run trains ▸ "
        "predicts ▸ is attacked; ◌ has not been heard of for a while; RESTARTS counts the times that its process died. "
        "WHERE is its device, or what the cluster calls its job, the node, and how often the cluster began it anew. "
        "Enter, X, U and r act on the line under the cursor."
    )
    BINDINGS = actions.bindings("queue", "runs")

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        """Run ids as shown."""
        self.behind: dict[str, int] = {}
        """Of each run that waits for the engine, how many go before it to a place where it may go."""

    def page(self, width: int, height: int) -> Page:
        """The queue, below a line that says why nothing moves where nothing does."""
        runs = list(self.project.runs.values())
        running = sorted((run for run in runs if run.state == "running"), key=lambda run: run.started or 0.0)
        waiting = progress.waiting(runs, self.project.placed)
        failed = sorted((run for run in runs if run.state in FAILED), key=_newest_first)
        over = not running and not waiting
        done = sorted((run for run in runs if run.state == "done"), key=_newest_first)[:FEW] if over else []
        shown = [*running, *waiting, *failed, *done]
        self.order, self.behind = [run.run_id for run in shown], self._behind(waiting)
        names = self._names(shown)
        longest = min(max(map(len, names.values()), default=0), width // 2)
        where = max([len("WHERE"), *(len(self._where(run)) for run in shown)])
        columns = fit(_columns(longest, width >= ROOMY, where, any(run.attempts for run in shown)), width)
        message = self._message(over, len(running) + len(waiting), width)
        head = [plain(sized(f" {message[0]}", width), message[1])] if message else []
        if height >= TALL and not over:
            head.append(header(columns))
        cursor = self.order.index(self.choices.current) if self.choices.current in self.order else None
        lines = self._lines(shown, names, columns, width)
        return Page(lines, head=head, cursor=cursor, title=self._title(width), note=self._note(cursor, width))

    def _names(self, shown: list[Run]) -> dict[str, str]:
        datasets = self.project.datasets
        return {run.run_id: short_name(run, datasets) for run in shown}

    def _behind(self, waiting: Iterable[Run]) -> dict[str, int]:
        found, before = {}, Counter()
        for run in waiting:
            if run.run_id not in self.project.placed:
                wanted = places.places_of(run)
                found[run.run_id] = sum(count for others, count in before.items() if wanted & others)
                before[wanted] += 1
        return found

    # Around the lines

    def _title(self, width: int) -> str:
        work = progress.work(self.project.runs, self.project.tracker)
        if work is None:
            return ""
        status = self.project.status
        stopped = self.project.link != "engine" or (status is not None and (status.paused or status.hold))
        done = bar(work.share, max(6, min(19, width - 56)))
        return f"sweep {work.ended}/{work.total} {done} {'stands still' if stopped else work.eta}"

    def _note(self, cursor: int | None, width: int) -> str:
        if not self.order:
            return ""
        words = [f"{cursor + 1}/{len(self.order)}", "enter details"] if cursor is not None else ["j k choose a run"]
        words += [] if self.project.read_only else ["X cancel", "U next", "r retry"]
        words += ["phases train ▸ predict ▸ attack"] if width >= ROOMY else []
        return " · ".join(words)

    def _message(self, over: bool, pending: int, width: int) -> Segment | None:
        """Why nothing moves, and which key changes that; None while things move."""
        project, status = self.project, self.project.status
        if status is not None and status.hold:
            return (f"Held: {status.hold}", "warn")
        if status is not None and status.paused:
            return ("Paused: no run starts, those at work go on. ctrl+p, engine: Resume", "warn")
        if project.link == "engine" and not over:
            return None
        if project.link == "opening":
            return ("opening …", "dim")
        return (self._watching(width), "dim") if project.read_only else self._idle(pending)

    def _idle(self, pending: int) -> Segment:
        project = self.project
        if project.link == "engine":
            return ("Engine idle. n plans a sweep.", "dim")
        if project.link == "lost":
            return (f"No engine: {project.trouble}. r restarts it from the checkpoints.", "warn")
        if pending:
            waits = f"{pending} run{' waits' if pending == 1 else 's wait'} for one"
            return (f"No engine: {project.trouble or waits}. ctrl+p, engine: Start", "warn")
        return ("No engine. Results from files; n plans a sweep.", "dim")

    def _watching(self, width: int) -> str:
        """Whose results these are."""
        status = self.project.status
        engine = f"engine on pid {status.pid}" if status is not None else "no engine runs"
        room = max(8, width - len(f" Read-only: watching , {engine}."))
        return f"Read-only: watching {text.path(self.project.paths.root, room)}, {engine}."

    # The lines

    def _lines(self, shown: list[Run], names: dict[str, str], columns: list[Column], width: int) -> list[Line]:
        lengths, lines = self.project.tracker.lengths(), []
        widths = {column.name: column.width for column in columns}
        for run in shown:
            name = names[run.run_id]
            if run.state in FAILED:
                lines.append(self._ended_badly(run, name, columns, width))
                continue
            restarts = (str(run.attempts or ""), "warn")
            cells = self._of_state(run, lengths) | {"RUN": (name, ""), "RESTARTS": restarts}
            cells["WHERE"] = (self._where(run), "dim")
            if self._moves(run):
                cells |= self._how_far(run, widths)
            lines.append(row(cells, columns))
        return lines

    def _of_state(self, run: Run, lengths: dict[Kind, float]) -> dict[str, Segment]:
        if run.state == "done":
            return self._ended_well(run)
        if self._moves(run):
            return self._at_work(run)
        whole = lengths.get(self.project.tracker.runs[run.run_id].kind)
        length = "?" if whole is None else f"~{text.duration(whole)}"
        return {"": ("◷", "dim"), "PHASE": ("queued", "dim"), "STEP": (self._why(run), "dim"), "LEFT": (length, "dim")}

    def _moves(self, run: Run) -> bool:
        """Whether it is at work, and not taken back by a cluster that begins it anew."""
        return run.state == "running" and not self.project.waits(run.run_id)

    def _why(self, run: Run) -> str:
        """Why a run waits, and its priority where it has one."""
        if placed := self.project.placed.get(run.run_id):
            return places.reason(placed) or "begins"
        status, ahead = self.project.status, self.behind.get(run.run_id, 0)
        wanted = [own for own in status.devices if own.place in places.places_of(run)] if status else []
        full = wanted and all(own.taken >= own.slots for own in wanted)
        why = f"behind {ahead}" if ahead else "next: slots are full" if full else "next"
        if self.project.link != "engine":
            why = "for an engine"
        elif status is not None and (status.paused or status.hold):
            why = "paused" if status.paused else "held"
        elif run.numbers:
            why = f"attacks, {why}"  # it is done, and its answers are there
        return f"priority {run.priority:+d}, {why}" if run.priority else why

    def _where(self, run: Run) -> str:
        """Where it is or may go, and of a device of the engine's machine that one's name where it is not this one."""
        found, status = self.project.where(run), self.project.status
        away = found and " " not in found and run.state == "running" and status and status.host != hostname()
        return f"{found} on {status.host}" if away else found

    def _at_work(self, run: Run) -> dict[str, Segment]:
        tracked = self.project.tracker.runs[run.run_id]
        if self.project.link != "engine":
            return {"": ("◌", "warn"), "PHASE": ("no engine", "warn")}
        silence, left = self.project.silence(run.run_id), self.project.tracker.time_left(tracked)
        quiet = silence is not None
        return {
            "": ("◌", "warn") if quiet else ("▶", "busy"),
            "PHASE": (f"quiet {text.duration(silence)}", "warn") if quiet else (tracked.phase or "start", "busy"),
            "LEFT": (text.duration(left), ""),
            "ENDS": ("" if left is None else progress.clock(left), "dim"),
            "IMG/S": (f"{tracked.rate:,.0f}" if tracked.rate else "", "dim"),
        }

    def _how_far(self, run: Run, widths: dict[str, int]) -> dict[str, Segment]:
        """Step and bar, which take the room there is; a step's numbers go before its words."""
        tracked, room = self.project.tracker.runs[run.run_id], widths.get("STEP", 0)
        word, space, count = tracked.label.partition(" ")
        label = tracked.label if len(tracked.label) <= room else word[: max(1, room - len(count) - 1)] + space + count
        share = f"{bar(tracked.fraction, max(1, widths.get('PROGRESS', 0) - 5))} {tracked.fraction:4.0%}"
        return {"STEP": (label, ""), "PROGRESS": (share, "busy")}

    def _ended_well(self, run: Run) -> dict[str, Segment]:
        took = self.project.tracker.runs[run.run_id].took
        return {
            "": ("✔", "good"),
            "PHASE": ("done", "good"),
            "STEP": (f"took {text.duration(took)}" if took else "", ""),
        }

    def _ended_badly(self, run: Run, name: str, columns: list[Column], width: int) -> Line:
        """The name, then the error as far as there is room, then what can be done."""
        mark, of_run = columns[0], next(column for column in columns if column.name == "RUN")
        keys = "  enter details" + ("" if self.project.read_only else " · r retry")
        room = width - mark.width - of_run.width - 2
        keys = keys if room >= len(keys) + 16 else ""
        error = f"{run.state}  {run.error or ''}".rstrip()
        start = row({"": ("✗", "bad"), "RUN": (name, "")}, [mark, of_run])
        return (*start, (" " + sized(error, max(1, room - len(keys))), "bad"), (keys, "dim"))

    # Acting

    def move_to(self, index: int) -> None:
        """Take the cursor from the list of runs where it is not on the queue yet."""
        if self.shown.cursor is None and self.order:
            self.cursor_moved(0)
        else:
            super().move_to(index)

    def cursor_moved(self, index: int) -> None:
        """Another run is the one that all panes speak of."""
        self.choices.current = self.order[index]

    def line_to_copy(self) -> str:
        """The run's whole id, then what its line says."""
        return f"{self.choices.current}  {super().line_to_copy()}" if self.shown.cursor is not None else ""


def _columns(name: int, roomy: bool, where: int, restarted: bool) -> list[Column]:
    return [
        Column("", 1),
        Column("RUN", min(34, max(8, name))),
        Column("PHASE", 11),
        Column("STEP", 22 if roomy else 14, rank=3),
        *([Column("RESTARTS", 8, right=True, rank=4)] if restarted else []),
        Column("PROGRESS", 12, stretch=True, rank=1),
        Column("LEFT", 6, right=True),
        Column("ENDS", 9, right=True, rank=5),
        Column("WHERE", max(6, where), rank=4),
        Column("IMG/S", 8, right=True, rank=6),
    ]


def _newest_first(run: Run) -> float:
    return -(run.ended or 0.0)
