"""What a model can be asked for."""

from engine.registry.rows import Registry, ViewRow

BENIGN = "benign"
"""The view of the images themselves, which every run has."""
CERTIFIED = "certified"
"""The view of verified bounds, which verifiable defenses have."""

VIEWS = Registry(
    "views",
    ViewRow(
        name=BENIGN,
        words="the answers to the images themselves",
        code="engine.evaluation.views:benign",
        short="ben",
        letter="B",
    ),
    ViewRow(
        name="adversarial",
        words="the answers to untargeted PGD examples",
        code="engine.evaluation.views:adversarial",
        short="adv",
        letter="A",
        attacks=True,
        climbs="away",
    ),
    ViewRow(
        name="targeted",
        words="the answers to PGD examples towards each wrong class",
        code="engine.evaluation.views:targeted",
        short="tgt",
        letter="T",
        headline=False,
        attacks=True,
        climbs="towards",
        of_each_wrong_class=True,
    ),
    ViewRow(
        name=CERTIFIED,
        words="the worst answers in a whole box, by a verified bound",
        code="engine.evaluation.views:certified",
        short="cert",
        letter="V",
        bounds=True,
    ),
)
