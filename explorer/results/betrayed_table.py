"""The images that a population betrays most: how often its models give away that they were trained on one."""

from collections.abc import Iterable, Sequence

from engine.registry import ATTACKS
from explorer.results import class_rows, text
from explorer.results.table import Column, Table, of
from store.rows import ImageRisk, InferenceState

MEANING = (
    "Found: in so many of the population's models that were trained on the image, by a threshold that keeps 1 % FPR. "
    "With few models a verdict on one image changes from one population to the next."
)


def why_none(inferences: Iterable[InferenceState]) -> str:
    """Why attacks with references have told nothing, in one line; empty where none has failed."""
    asked = (own for own in inferences if own.attack in ATTACKS and ATTACKS[own.attack].references)
    return next((f"{own.attack}: {own.error}" for own in asked if own.error), "")


def table(rows: Sequence[ImageRisk]) -> Table:
    """A line for each image, the most betrayed first; shares in percent."""
    return of(
        {
            Column("IMAGE", 7, right=True, long="image"): [row.example for row in rows],
            Column("CLASS", 6, long="class", narrowest=6): [class_of(row) for row in rows],
            Column("RISK", 6, right=True, long="risk"): [text.percent(row.risk) for row in rows],
            Column("FOUND IN", 10, right=True, long="found in"): [f"{row.n_found} of {row.n_models}" for row in rows],
        },
        legend=(MEANING,),
    )


def class_of(row: ImageRisk) -> str:
    """The class of an image as tables write it."""
    return "" if row.label is None else class_rows.called(row.label, row.class_name)
