"""Pane 3: what each class of the run under the cursor leaks, strategy by strategy or beside natural training."""

from collections.abc import Callable

from engine.registry import NATURAL
from explorer.app import actions
from explorer.app.widgets.page import Page, saying
from explorer.app.widgets.pane import Pane
from explorer.project import metrics, progress
from explorer.results import class_rows, classes_table, marks, population_risk, text
from explorer.results.class_rows import PAPERS, ClassRow, Strategy
from explorer.results.classes_table import BEST_OF, BY, CLASS, DIFFERENCE, OF_PAPER
from explorer.results.marks import AMONG_CLASSES, FLOOR, LIKE_GUESS, NOT_TOLD_APART
from explorer.results.natural_twin import naturals
from explorer.results.rendering import screen
from explorer.results.run_words import short_name
from explorer.results.table import Column, Table, name_at
from explorer.results.text import RULES
from store.rows import LeakageFact, Run
from store.summaries import ClassFact, ClassRisk

Shown = dict[Strategy, str]
"""Strategies with the threshold rule that each is shown under."""


class ClassesPane(Pane):
    """A table of the classes; all classes together stand above them."""

    NUMBER, NAME, SCOPE = "3", "Classes", "classes"
    HELP = (
        "Membership inference class by class on the run under the cursor, by the paper's strategies: a confidence "
        "threshold (conf) or an inference network (model) for each class, on answers to benign (B), adversarial (A) "
        "and targeted (T) images, and on certified bounds (V). Numbers are of held-out examples, since a threshold "
        "chosen on a class's own examples mostly fits their noise. ▸ is the best of the row, chosen on the same "
        f"examples, so a little flattered; ≈ is {LIKE_GUESS}; {AMONG_CLASSES}; {FLOOR}. N: members/non-members. "
        "v: other scores, or how much more than natural training the best is. Of a population without such "
        "an attack: the share of each class's members that attacks with references find at 1 % FPR, over its models."
    )
    BINDINGS = actions.bindings("classes")

    def __init__(self) -> None:
        super().__init__()
        self.label: int | None = None
        """The class under the cursor, None for all."""
        self.labels: list[int | None] = []
        """As shown."""
        self.sorts: list[str] = [""]
        """Names of what the table can be sorted by."""
        self.columns: list[Column] = []
        """The columns as shown."""
        self.tables: list[str] = ["strategies"]
        """What there is to choose from on this run."""
        self.population: list[ClassRisk] = []
        """What attacks on the run's population find, where none on the run itself went class by class."""

    def page(self, width: int, height: int) -> Page:  # noqa: ARG002
        """The table, or why there is none."""
        run = self.project.runs.get(self.choices.current)
        if run is None:
            return saying("No run under the cursor. 1 goes to the runs.", width)
        name = short_name(run, self.project.datasets)
        if run.state != "done":
            return saying(self._unfinished(run, name), width, name)
        self.population = []
        facts = self._facts([run.run_id])
        if facts is not None and run.population and not self._tables(facts):
            risks = self._of_population([run.run_id])
            self.population = risks or []
            facts = None if risks is None else self._facts([run.run_id])
        if facts is None:
            return saying("reading …", width, name)
        tables = self._tables(facts)
        if not tables:
            return saying(self._without(facts, name), width, name)
        self.tables = [*tables, "differences"]
        chosen = self.present("view")
        if chosen == "differences":
            return self._differences(run, name, facts, next(iter(tables.values())), width)
        return self._strategies(run, name, facts, tables[chosen], width)

    def _published(self, run: Run) -> list[ClassFact]:
        """What the paper prints of the run's classes, and what they are called."""
        return self.project.rows("classes", run_id=[run.run_id], metric=self.metric) or []

    def _tables(self, facts: list[LeakageFact]) -> dict[str, dict[Strategy, str]]:
        """The strategies of each table that has some, with the threshold rule each is shown under."""
        there_are = class_rows.strategies(facts, self.rule)
        papers = {own: rule for own, rule in there_are.items() if own in PAPERS}
        scores = {own: rule for own, rule in there_are.items() if own not in PAPERS}
        return {table: shown for table, shown in (("strategies", papers), ("scores", scores)) if shown}

    @property
    def metric(self) -> str:
        """The number shown: the advantage where the chart shows it, else inference accuracy."""
        return "advantage" if self.choices.metric == "advantage" else "inference_accuracy"

    @property
    def rule(self) -> str:
        """The threshold rule of the table."""
        return self.population[0].threshold_rule if self.population else self.choices.class_rule

    def _facts(self, run_ids: list[str]) -> list[LeakageFact] | None:
        if self.population:
            return population_risk.by_class(self._of_population(run_ids) or [])
        return self.project.rows("leakage", run_id=run_ids, metric=self.metric) if run_ids else []

    def _of_population(self, run_ids: list[str]) -> list[ClassRisk] | None:
        """What attacks find in the population of these runs, which is one; None before the answer."""
        runs = self.project.runs
        if not run_ids:
            return []
        return self.project.rows("class_risks", run_id=population_risk.asked_by(runs[run_ids[0]], runs.values()))

    # Why there is no table

    def _unfinished(self, run: Run, name: str) -> str:
        state, tracker = run.state, self.project.tracker
        if state == "running":
            left = tracker.time_left(tracker.runs[run.run_id])
            return f"No attack on {name} yet — it runs after training{f' ({text.duration(left)})' if left else ''}."
        if state == "queued":
            ahead = [other.run_id for other in progress.waiting(self.project.runs.values())].index(run.run_id)
            place = "next in the queue" if not ahead else f"queued behind {ahead} run{'s' if ahead > 1 else ''}"
            return f"No attack on {name} yet — it is {place}." + self._offer(" U lets it start next." if ahead else "")
        if state == "cancelled":
            return f"No attack on {name}: it was cancelled." + self._offer(" r runs it again.")
        return f"No attack on {name}: {state}, {run.error or 'no reason given'}." + self._offer(" r retries it.")

    def _without(self, facts: list[LeakageFact], name: str) -> str:
        if class_rows.strategies(facts, "oracle"):
            return f"No class of {name} has enough examples for a held-out threshold. T changes to oracle ones."
        attacks = ", ".join(sorted({fact.attack for fact in facts})) or "none"
        return f"No attack went class by class on {name} (attacks: {attacks}). Sweeps with confidence-class have one."

    def _offer(self, words: str) -> str:
        return "" if self.project.read_only else words

    # The tables

    def _strategies(self, run: Run, name: str, facts: list[LeakageFact], shown: Shown, width: int) -> Page:
        natural, of_natural = self._natural(run, shown)
        rows = class_rows.of_run(facts, self.rule, shown, self._published(run), natural)
        columns = classes_table.table(rows, list(shown)).fitted(width)
        papers = any(own.published is not None for row in rows for own in row.reached.values())
        beside = papers and any(OF_PAPER in column.yielding for column in columns)

        def table(rows: list[ClassRow]) -> Table:
            return classes_table.table(rows, list(shown), papers_column=papers and not beside)

        fitting = {column.name for column in table(rows).fitted(width)}
        hidden = sum(strategy.label not in fitting for strategy in shown)
        notes = [f"{hidden} more strategies: z zooms"] if hidden else []
        notes += [*self._marks(rows), f"{class_rows.BEST} best"]
        if papers:
            notes.append("(…) the paper's" if beside else "PAPER: the ▸ strategy's")
        drawn = f"± 95 % over {self.population[0].n_models} models" if self.population else "± 95 % over examples"
        notes += ["v other tables", drawn, FLOOR]
        notes += of_natural if DIFFERENCE in fitting else []
        return self._page(name, table, rows, BEST_OF, notes, width)

    def _differences(self, run: Run, name: str, facts: list[LeakageFact], shown: Shown, width: int) -> Page:
        natural, of_natural = self._natural(run, shown)
        if not of_natural:
            return saying(self._no_twin(run, name), width, name)
        rows = class_rows.of_run(facts, self.rule, shown, self._published(run), natural)
        notes = [*self._marks(rows), "v other tables", *of_natural]
        return self._page(name, classes_table.differences, rows, DIFFERENCE, notes, width)

    def _marks(self, rows: list[ClassRow]) -> list[str]:
        """What the marks mean that are there."""
        said = [f"{NOT_TOLD_APART} {LIKE_GUESS}"] if class_rows.marked(rows) else []
        said += [f"{marks.WARNED} may mislead"] if class_rows.warned(rows) else []
        said += ["models are held-out"] if any(not own.chosen for row in rows for own in row.reached.values()) else []
        said += [f"* under {class_rows.FEW} a side"] if any(row.few for row in rows) else []
        return said

    def _natural(self, run: Run, shown: dict[Strategy, str]) -> tuple[dict[int | None, float], list[str]]:
        """What natural training leaks class by class, and of which runs that is; both empty where there is none."""
        twins = naturals(run, (other for other in self.project.runs.values() if other.state == "done"))
        facts = self._facts([twin.run_id for twin in twins]) or []
        said = [f"natural: {'one run' if len(twins) == 1 else f'mean of {len(twins)} runs'}"] if twins else []
        budgets = {twin.evaluation_epsilon for twin in twins} - {run.evaluation_epsilon}
        if budgets:
            said.append("natural attacked with eps " + ", ".join(text.epsilon(budget) for budget in sorted(budgets)))
        return class_rows.natural_best(facts, self.rule, shown), said

    def _no_twin(self, run: Run, name: str) -> str:
        if run.defense == NATURAL:
            return f"{name} is natural training itself. v has its other tables."
        size = f" {run.size}" if run.size else ""
        setting = f"{run.dataset}{size} {run.network} capacity {run.capacity:g}"
        return f"No finished natural run on {setting} to compare {name} with. v has other tables." + self._offer(
            " n plans one."
        )

    def _page(
        self,
        name: str,
        table: Callable[[list[ClassRow]], Table],
        rows: list[ClassRow],
        main: str,
        notes: list[str],
        width: int,
    ) -> Page:
        """main: what rows are sorted by at first."""
        self.sorts = [main, *(own for own in table(rows).names if own not in (main, BY))]
        sort = self.choices.class_sort if self.choices.class_sort in self.sorts else main
        rows = class_rows.ordered(rows, classes_table.sort_key(sort), self.choices.class_reverse)
        self.labels, self.columns = [row.label for row in rows], table(rows).fitted(width)
        what = f"{metrics.BY_ID[self.metric].title} % {RULES[self.rule]} · this run"
        if self.population:
            what = f"{population_risk.FOUND} {RULES[self.rule]} · its population"
        order = f"by {sort.lower() if sort.isupper() else sort} "
        order += "▼" if self.choices.class_reverse else "▲"
        head, lines = screen(table(rows), width, sort=sort, reverse=self.choices.class_reverse)
        return Page(
            lines,
            head=head,
            cursor=self.labels.index(self.label) if self.label in self.labels else 0,
            title=" · ".join([name, what, order]),
            note=" · ".join(notes),
        )

    # Acting

    def refusal(self, action_id: str) -> str:
        """The threshold rule of a population is none to be chosen."""
        fixed = self.population and action_id == "classes.rule"
        return f"thresholds are {RULES[self.rule]} here" if fixed else super().refusal(action_id)

    def cursor_moved(self, index: int) -> None:
        """Another class is the one that `y` copies."""
        self.label = self.labels[index]

    def choices_view(self) -> list[tuple[str, str]]:
        """The tables that there are of this run."""
        return [(table, table) for table in self.tables]

    def present(self, _: str) -> str:
        """The table shown."""
        return self.choices.class_view if self.choices.class_view in self.tables else self.tables[0]

    def action_view(self, table: str) -> None:
        """The named table."""
        self.choices.class_view = table

    def action_rule(self) -> None:
        """Thresholds chosen on other examples, or on the very ones."""
        self.choices.class_rule = "oracle" if self.choices.class_rule == "heldout" else "heldout"

    def head_clicked(self, x: int) -> None:
        """Sort by the column of that cell; a second click turns the order round."""
        name = name_at(self.columns, x)
        if name == (self.choices.class_sort or self.sorts[0]):
            self.action_sort_reverse()
        elif name in self.sorts:
            self.choices.class_sort = name if name != self.sorts[0] else ""
            self.choices.class_reverse = name != CLASS

    def action_sort_next(self) -> None:
        """The next column."""
        now = self.sorts.index(self.choices.class_sort) if self.choices.class_sort in self.sorts else 0
        following = (now + 1) % len(self.sorts)
        self.choices.class_sort = self.sorts[following] if following else ""
        self.choices.class_reverse = self.choices.class_sort != CLASS

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self.choices.class_reverse = not self.choices.class_reverse

    def line_to_copy(self) -> str:
        """The run's whole id, then what the line says."""
        return f"{self.choices.current}  {super().line_to_copy()}"
