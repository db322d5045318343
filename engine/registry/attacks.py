"""The inference attacks, the paper's first."""

from engine.registry.rows import AttackRow, Registry

HEADLINE = "confidence"
"""The attack behind the headline numbers, I_B, I_A and I_V."""

ATTACKS = Registry(
    "attacks",
    AttackRow(
        name=HEADLINE,
        words="a threshold on the confidence in the true class",
        short="conf",
        score="engine.evaluation.predictions:Answers.confidence",
    ),
    AttackRow(
        name="confidence-class",
        words="the same for each class",
        short="conf-class",
        code="engine.inference.threshold_class:audit",
        score="engine.evaluation.predictions:Answers.confidence",
        settings=("per_class", "splits", "seed"),
        by_class="conf",
    ),
    AttackRow(
        name="model-class",
        words="inference networks for each class",
        short="model-class",
        code="engine.inference.model_class:audit",
        settings=("per_class", "network_splits", "restarts", "seed"),
        rules=("heldout",),
        by_class="model",
        slow=True,
    ),
    AttackRow(
        name="gap",
        words="the correctness rule: a member where the model is right",
        short="gap",
        code="engine.inference.gap:audit",
        settings=(),
        rules=("none",),
    ),
    AttackRow(
        name="entropy",
        words="a threshold on the modified entropy (Song and Mittal 2021)",
        short="entr",
        score="engine.inference.scores:modified_entropy",
    ),
    AttackRow(
        name="entropy-class",
        words="the same for each class",
        short="entr-class",
        code="engine.inference.threshold_class:audit",
        score="engine.inference.scores:modified_entropy",
        settings=("per_class", "splits", "seed"),
        by_class="entropy",
    ),
    AttackRow(
        name="margin",
        words="a threshold on the log-odds of the true class",
        short="margin",
        score="engine.evaluation.predictions:Answers.margin",
    ),
    AttackRow(
        name="margin-class",
        words="the same for each class",
        short="margin-class",
        code="engine.inference.threshold_class:audit",
        score="engine.evaluation.predictions:Answers.margin",
        settings=("per_class", "splits", "seed"),
        by_class="margin",
    ),
    AttackRow(
        name="lira",
        words="the likelihood ratio among models trained alike (Carlini et al. 2022)",
        short="lira",
        code="engine.inference.population.audit:audit",
        score="engine.inference.population.lira:attack",
        settings=("variance", "seed"),
        rules=("references", "oracle"),
        references=True,
    ),
    AttackRow(
        name="rmia",
        words="how much surer it is than models trained alike (Zarifzadeh et al. 2024)",
        short="rmia",
        code="engine.inference.population.audit:audit",
        score="engine.inference.population.rmia:attack",
        settings=("seed",),
        rules=("references", "oracle"),
        references=True,
    ),
)
