"""What is typed into the New sweep form: fields or the text of a sweep file, two views of one draft."""

from collections.abc import Collection, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import Input, TextArea

from engine.job_settings import LOCAL
from engine.registry import training_defenses, written_datasets
from engine.spec.recipes import SCALES
from engine.spec.sweeps import presets
from engine.validation import SpecError
from explorer.app.screens.sweep_editor import SweepEditor
from explorer.app.widgets.box import Box, Toned
from explorer.app.widgets.field import Choice, Field, TypedLine
from explorer.project.places import room
from explorer.project.planning import Draft, SweepText, errors

FIELDS = {
    "data_root": ("data root", "the folder with the data sets"),
    "device": ("device", "auto, cpu, cuda, cuda:1, mps"),
    "on": ("on", "where runs may go, as project.toml names places; some with commas"),
    "name": ("name", "what tables call the sweep"),
    "dataset": ("data set", ", ".join(written_datasets())),
    "network": ("network", "blank: the data set's own; or module:callable"),
    "defenses": ("defenses", ", ".join(training_defenses())),
    "capacity": ("capacity", "such as 1, 2, 4; blank: the data set's own"),
    "epsilon": ("epsilon", "such as 2/255, 8/255 or 0.1"),
    "seed": ("seeds", "such as 0-2; intervals need two or more"),
    "train_fraction": ("fraction", "share of the training images, such as 0.5; blank: all"),
    "size": ("size", "of the images, such as 48x42; blank: as they are"),
    "steps": ("steps", "blank: the recipe's own; 900 * capacity^0.5"),
}
"""Field of `Draft` -> its label, and what may stand in it."""
OF_PLACE = ("data_root", "device", "on")
"""Those that are not in a sweep file."""
OWN = "own"
OWN_WORDS = "a sweep of one's own: everything typed stays as it is"
KEYS = "↑↓ field  ←→ space choose  enter start  f2 save  f3 text  f4 open  esc"
TEXT_KEYS = "tab complete  f5 start  f8 mistake  f2 save  f3 fields  f4 open  esc leave"


class SweepForm(Box):
    """A preset to start from, and the fields or the text; has the class `text` while that is shown."""

    def __init__(self) -> None:
        super().__init__("New sweep", KEYS, id="new-sweep")
        self.presets = {name: table["description"] for name, table in presets().items()} | {OWN: OWN_WORDS}
        """What to start from, each with what it is."""
        self.base: Mapping[str, Any] = {}
        """The table that the fields were filled from."""
        self.places: tuple[str, ...] = (LOCAL,)
        """Where runs of the project may go."""
        self.editor = SweepEditor(id="text")
        self.summary = Toned(id="summary")
        """What it amounts to."""
        self.file_name = "sweep"
        """What a text is called that does not say."""
        self.kept: dict[str, str] = {}
        """What stood in the view that is shown when it was last filled in or saved."""
        self.loose = False
        """Something that was typed in the other view has not been saved."""

    # Drawing

    def compose(self) -> ComposeResult:
        """A preset to start from, the fields, and what they amount to."""
        fields = {name: Field(label, TypedLine(compact=True, id=name)) for name, (label, _) in FIELDS.items()}
        yield from (
            Field("from", Choice(self.presets, "demo", id="preset")),
            Field("scale", Choice(SCALES, "quick", id="scale")),
            *(fields.pop(name) for name in OF_PLACE),
            Container(
                Vertical(*fields.values(), id="fields"),
                self.editor,
                Vertical(Toned(id="hint"), self.summary, id="told"),
                id="middle",
            ),
            self.editor.list,
        )

    def on_descendant_focus(self) -> None:
        """The hint follows the focus."""
        self.hint()

    def hint(self, trouble: str = "") -> None:
        """What may stand in the focused field, or what is wrong with it; other wrong fields have a cross."""
        wrong = self.wrong(self.draft)
        for field in self.query(Field):
            field.wrong = field.widget.id in wrong
            field.draw()
        here = self.screen.focused.id if self.screen.focused is not None else ""
        offered = {
            "preset": self.presets[self.query_one("#preset", Choice).value],
            "scale": "how long to train",
            "text": "tab completes; enter begins a line",
            "on": f"{', '.join(self.places)}; some with commas: the first that has room",
        }
        hint = offered.get(here) or FIELDS.get(here, ("", ""))[1]
        trouble = trouble or wrong.get(here, "")
        self.query_one("#hint", Toned).show([((trouble or hint, "bad" if trouble else "dim"),)], layout=True)

    def wrong(self, draft: Draft | SweepText) -> dict[str, str]:
        """Field -> what is wrong with it."""
        found = errors(draft)
        try:
            self.room(draft)
        except SpecError as error:
            found.setdefault("on", str(error))
        return found

    def room(self, draft: Draft | SweepText) -> tuple[int, bool]:
        """Runs at once where they may go, and whether those are on GPUs; `SpecError` for no such place."""
        return room(self.app.project.status, self.app.project.paths.root, draft.on)

    # What is typed

    @property
    def as_text(self) -> bool:
        """Whether the text is shown instead of the fields."""
        return self.has_class("text")

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields, and in the text where that is shown."""
        if self.as_text:
            return self.place | {"text": self.editor.text}
        return {name: self.query_one(f"#{name}", Input).value for name in FIELDS}

    @property
    def place(self) -> dict[str, str]:
        """What is not in a sweep file."""
        return {name: self.query_one(f"#{name}", Input).value for name in OF_PLACE}

    @property
    def draft(self) -> Draft | SweepText:
        """The form as it stands."""
        if self.as_text:
            return self.as_file(self.editor.text)
        typed, scale = self.typed, self.query_one("#scale", Choice).value
        defenses = tuple(typed.pop("defenses").replace(",", " ").split())
        return Draft(scale=scale, defenses=defenses, base=self.base, **typed)

    def show(self, draft: Draft | SweepText, keeps: bool = False) -> None:
        """Fill in a draft; with `keeps` what was typed into fields stays."""
        self.set_class(isinstance(draft, SweepText), "text")
        self.entitle("New sweep", TEXT_KEYS if self.as_text else KEYS)
        if self.as_text:
            fresh = {"text": draft.text}
            with self.prevent(TextArea.Changed):
                self.editor.load_text(draft.text)
        else:
            self.base, fresh = draft.base, {name: getattr(draft, name) for name in FIELDS}
            fresh["defenses"] = ", ".join(draft.defenses)
        before, self.kept = self.kept, {name: getattr(draft, name) for name in OF_PLACE} | fresh
        with self.prevent(Input.Changed):
            for name in self.kept.keys() - {"text"}:
                line = self.query_one(f"#{name}", Input)
                line.value = line.value if keeps and line.value != before.get(name, "") else self.kept[name]

    def as_file(self, text: str) -> SweepText:
        """A text in the place of what is shown."""
        scale = self.query_one("#scale", Choice).value
        return SweepText(text=text, scale=scale, name=self.file_name, **self.place)

    def lost(self, stays: Collection[str] = ()) -> list[str]:
        """What was typed and not saved, but for the fields that stay."""
        typed = self.typed
        changed = [name for name, value in typed.items() if name not in stays and value != self.kept.get(name, "")]
        names = [FIELDS[name][0] if name in FIELDS else "the text" for name in changed]
        return names or ([f"changes in the {'fields' if self.as_text else 'text'}"] if self.loose else [])
