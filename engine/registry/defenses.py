"""The ways to train."""

from engine.registry.rows import DefenseRow, Registry

NATURAL = "natural"
"""The defense that is none: what others are compared with."""

DEFENSES = Registry(
    "defenses",
    DefenseRow(
        name=NATURAL,
        words="cross-entropy on the images as they are",
        code="engine.training.defenses.natural:loss",
        recipe="engine.spec.recipes.settings:Recipe",
        budget="none",
    ),
    DefenseRow(
        name="pgd",
        words="training on PGD examples (Madry et al. 2018)",
        code="engine.training.defenses.pgd:loss",
        recipe="engine.spec.recipes.settings:PGDRecipe",
    ),
    DefenseRow(
        name="distributional",
        words="training on images moved at a price (Sinha et al. 2018)",
        code="engine.training.defenses.distributional:loss",
        recipe="engine.spec.recipes.settings:DistributionalRecipe",
        budget="evaluated",
    ),
    DefenseRow(
        name="trades",
        words="difference-based training (Zhang et al. 2019)",
        code="engine.training.defenses.trades:loss",
        recipe="engine.spec.recipes.settings:TRADESRecipe",
    ),
    DefenseRow(
        name="dual",
        words="certified by the dual bound (Wong and Kolter 2018)",
        code="engine.training.defenses.dual:loss",
        recipe="engine.spec.recipes.settings:DualRecipe",
        certification="dual",
    ),
    DefenseRow(
        name="abstract",
        words="DiffAI with boxes (Mirman et al. 2018)",
        code="engine.training.defenses.abstract:loss",
        recipe="engine.spec.recipes.settings:AbstractRecipe",
        certification="ibp",
    ),
    DefenseRow(
        name="ibp",
        words="interval bound propagation (Gowal et al. 2018)",
        code="engine.training.defenses.ibp:loss",
        recipe="engine.spec.recipes.settings:IBPRecipe",
        certification="ibp",
    ),
    DefenseRow(
        name="pretrained",
        words="weights that come trained",
        recipe="engine.spec.recipes.settings:PretrainedRecipe",
        budget="none",
    ),
)
