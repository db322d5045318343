"""What a population gives away to attacks with references: of which classes, and of which images, beyond luck."""

from collections.abc import Iterable, Sequence
from math import comb

from engine.registry import ATTACKS
from explorer.results import text
from store.rows import ImageRisk, LeakageFact, Run
from store.student import t_95, t_point
from store.summaries import ClassRisk

METRIC = "tpr_at_fpr_0.01"
FOUND = "TPR % at 1 % FPR"
FPR = 0.01
"""At which images count as found, and what a guess reaches."""
LUCK = 0.05
"""The chance that, of all images or classes of a population that gives nothing away, any is singled out."""
ASKED = 1000
"""The most images that are asked for: those found in all of few models, which may be luck, stand before others."""


def asked_by(run: Run, runs: Iterable[Run]) -> str:
    """The run that stands for its population in questions, the same for all of its runs: each is asked once."""
    return min((other.run_id for other in runs if other.population == run.population), default=run.run_id)


def strongest(risks: Iterable[ClassRisk], attack: str = "", view: str = "") -> ClassRisk | None:
    """What the attack that finds most members, in whatever view, finds of all classes; None where none has told.

    An attack with references that a person chose goes before all others.
    """
    whole = [risk for risk in risks if risk.class_label is None]
    chosen = [risk for risk in whole if (risk.attack, risk.view) == (attack, view)]
    order = tuple(ATTACKS)
    return max(chosen or whole, key=lambda risk: (risk.tpr, -order.index(risk.attack), risk.view), default=None)


def images_of(attack: ClassRisk) -> dict[str, str | int]:
    """Filters of the query `image_risks` for what that attack says."""
    return {"attack": attack.attack, "view": attack.view, "limit": ASKED}


def told_apart(risk: ClassRisk, among: int = 1) -> bool | None:
    """Whether members are found more often than others beyond luck, as one of so many; None of a single model."""
    if risk.std is None:
        return None
    least = t_point(LUCK / among, risk.n_models - 1) * risk.std / risk.n_models**0.5
    return risk.tpr - risk.fpr > least


def singled_out(risks: Sequence[ImageRisk], attack: ClassRisk) -> list[ImageRisk]:
    """The images found in more of their models than any of all would be by luck, in the order given.

    attack: what it finds of all classes.
    """
    images = attack.n_member + attack.n_nonmember
    return [risk for risk in risks if images * _by_luck(risk.n_found, risk.n_models) < LUCK]


def _by_luck(found: int, models: int) -> float:
    """The chance to be found in so many of so many models, or more, where each finds 1 % of what it never saw."""
    return sum(comb(models, k) * FPR**k * (1 - FPR) ** (models - k) for k in range(found, models + 1))


def by_class(risks: Sequence[ClassRisk]) -> list[LeakageFact]:
    """The same numbers as facts of leakage, of a population for a run, with 95 % intervals over its models."""
    classes = len({risk.class_label for risk in risks} - {None})
    return [
        LeakageFact(
            *(risk.population, risk.dataset, risk.network, risk.capacity, risk.defense, risk.epsilon, None),
            *(risk.attack, risk.view, risk.class_label, risk.threshold_rule, METRIC, risk.tpr),
            *_interval(risk),
            *(risk.n_member * risk.n_models, risk.n_nonmember * risk.n_models),
            leaks=told_apart(risk, 1 if risk.class_label is None else classes),
            warnings=(),
        )
        for risk in risks
    ]


def _interval(risk: ClassRisk) -> tuple[float | None, float | None]:
    if risk.std is None:
        return None, None
    half = t_95(risk.n_models - 1) * risk.std / risk.n_models**0.5
    return risk.tpr - half, risk.tpr + half


def of_classes(risks: Sequence[ClassRisk]) -> str:
    """What the numbers of classes are: `TPR % at 1 % FPR by references, ± 95 % over 16 models`."""
    return f"{FOUND} {text.RULES[risks[0].threshold_rule]}, ± 95 % over {risks[0].n_models} models"


def said(risk: ClassRisk) -> str:
    """Which attack it is, and of how many models: `lira (benign) among 16 models`."""
    return f"{risk.attack} ({risk.view}) among {risk.n_models} models"


def short(risk: ClassRisk) -> str:
    """The same in little room: `lira · 16 models`."""
    return f"{risk.attack} · {risk.n_models} models"


def nothing_found(risk: ClassRisk) -> str:
    """Why no image is shown, in a sentence."""
    share = f"{text.percent(risk.tpr)} % of members and {text.percent(risk.fpr)} % of others"
    return f"No image stands out beyond luck: {said(risk)} finds {share}."
