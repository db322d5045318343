"""The SQL behind `store.queries` that folds the finished runs of one setting, its seeds, beside the paper's numbers."""

import json

from engine.registry import CERTIFICATIONS, CERTIFIED, DATASETS, DEFENSES, HEADLINE, NATURAL
from engine.spec.recipes import STEP_NUMBERS
from store.rows import HEADLINE_VIEWS, PLAIN_VIEWS, RULES, SPLITS, column_of
from store.statements import TOLD, TOLD_OF_T, all_of, certification, joined
from store.student import EXPANSION, T, Z
from store.summaries import FEWEST_SEEDS

# Runs are seeds of one setting only where everything but the seed is the same. `settings` tells apart those that the
# other columns do not (another recipe, another image size); a folder counts by content, not by where it lies.
# `papers` marks those with the paper's own network, image size and members: only beside them do its numbers stand.
_PAPERS_NETWORK = " ".join(f"WHEN '{name}' THEN '{row.network}'" for name, row in DATASETS.items() if row.in_paper)
# Steps that follow a rule of the capacity differ along one curve, and so does all that is counted in steps: there the
# rule counts, and the words of what else departs from the recipe.
_COUNTED_IN_STEPS = json.dumps({"recipe": dict.fromkeys(("steps", "milestones", "factors", *STEP_NUMBERS))})
_RULED = "json_extract_string(spec, '$.recipe.steps_rule') IS NOT NULL"
_FINISHED = f"""
chosen AS (
    SELECT run_id, dataset, network, defense, epsilon, evaluation_epsilon, train_fraction, capacity, seed, setting,
        json_extract_string(spec, '$.data.size') AS size, {certification("runs")} AS certification,
        CAST(json_extract(spec, '$.recipe.steps') AS BIGINT) AS steps,
        substr(md5(json_merge_patch(
            json_merge_patch(spec, '{{"seed": null, "capacity": null, "epsilon": null, "evaluation":
                {{"epsilon": null, "certification": null}}, "data": {{"name": null, "train_fraction": null}}}}'),
            CASE WHEN {_RULED} THEN '{_COUNTED_IN_STEPS}' ELSE '{{}}' END
        ) || CASE WHEN {_RULED} THEN coalesce(setting, '') ELSE '' END), 1, 8) AS settings,
        network = CASE dataset {_PAPERS_NETWORK} END AND size IS NULL
            AND json_extract_string(spec, '$.data.split') IS NULL AS papers
    FROM runs WHERE state = 'done'
)"""

# Where the authors' notebook and the paper print the same fact, the notebook's full precision is taken. The advantage
# is twice the inference accuracy less one (Eq 16).
_PAPER = """
paper AS (
    SELECT dataset, train_fraction, defense, epsilon, capacity, class_label, metric, attack, view, split,
        threshold_rule, arg_min(value, CASE source WHEN 'notebook' THEN 0 ELSE 1 END) AS published
    FROM (
        SELECT * FROM published
        UNION ALL
        SELECT * REPLACE ('advantage' AS metric, 2 * value - 1 AS value) FROM published
        WHERE metric = 'inference_accuracy'
    )
    WHERE value IS NOT NULL
    GROUP BY ALL
)"""


def _near(budget: str, tolerance: float = 0.002) -> str:
    """Condition that a published fact has a row's budget: the paper's code rounds 8/255 to 0.0314 in places."""
    return f"abs(p.epsilon - g.{budget}) <= {tolerance} * p.epsilon"


# Natural models are printed under the budget they were attacked with.
_SAME_DEFENSE = (
    "p.dataset = g.dataset AND p.defense = g.defense "
    f"AND {_near('evaluation_epsilon')} AND (g.defense = '{NATURAL}' OR {_near('epsilon')})"
)
_SAME_METHOD = " OR ".join(
    f"(g.defense, g.certification) = ('{name}', '{row.certification}')"
    for name, row in DEFENSES.items()
    if row.certification
)
_SAME_SETTING = (
    f"g.papers AND {_SAME_DEFENSE} AND p.train_fraction = g.train_fraction AND p.capacity = g.capacity "
    "AND p.metric = g.metric AND p.view = g.view "
    "AND p.attack IS NOT DISTINCT FROM g.attack AND p.threshold_rule IS NOT DISTINCT FROM g.threshold_rule "
    f"AND (g.view != '{CERTIFIED}' OR {_SAME_METHOD})"
)
"""Condition that a published fact speaks of a row's setting; certified answers are the defense's own method's."""

_SETTING = "dataset, network, defense, epsilon, evaluation_epsilon, train_fraction, capacity, certification"
_SETTING_OF_G = ", ".join(f"g.{name}" for name in _SETTING.split(", "))
_ABOVE = " + ".join(f"{term} / (n_seeds - 1) ** {power}" for power, term in enumerate(EXPANSION, start=1))
_STUDENT = f"coalesce([{', '.join(map(str, T))}][n_seeds - 1], {Z} + {_ABOVE})"
# Summed in the order of the seeds, so that the last digit is always the same.
_BY_SEED = "ORDER BY c.seed, c.run_id"
_VALUES = (
    f"list(f.value {_BY_SEED}) AS seeds, list(f.ci_low {_BY_SEED}) AS lows, list(f.ci_high {_BY_SEED}) AS highs, "
    "count(f.ci_low) = count(*) AS has_examples"
)
_LEAKING = "CASE WHEN count(f.leaks) > 0 THEN CAST(count_if(f.leaks) AS BIGINT) END AS n_leaking"
"""Seeds that are told apart from a guess, each by itself."""
_IN_WORDS = "max(c.setting) AS setting"
"""How the runs depart from their recipe; rows from before version 4 do not say."""
_TOLD = f"LEFT JOIN {TOLD} t ON {TOLD_OF_T.format('f')}"
_WARNINGS = f"{joined(all_of('t.messages'))} AS warnings"
"""The distinct messages of all seeds."""
# An interval over seeds leaves out that other examples may be drawn, one over examples that other seeds may: the wider
# stands. The mean of several seeds' intervals over examples is as wide as one's, for all look at the same examples.
_STATISTICS = f"""
statistics AS (
    SELECT *, CASE ci_over WHEN 'seeds' THEN mean - half WHEN 'examples' THEN low END AS ci_low,
        CASE ci_over WHEN 'seeds' THEN mean + half WHEN 'examples' THEN high END AS ci_high
    FROM (
        SELECT *, CASE WHEN 2 * half > coalesce(high - low, 0) THEN 'seeds' WHEN low IS NOT NULL THEN 'examples' END
            AS ci_over
        FROM (
            SELECT *, len(seeds) AS n_seeds, list_avg(seeds) AS mean, list_stddev_samp(seeds) AS std,
                CASE WHEN n_seeds >= {FEWEST_SEEDS} THEN {_STUDENT} * std / sqrt(n_seeds) END AS half,
                CASE WHEN has_examples THEN list_avg(lows) END AS low,
                CASE WHEN has_examples THEN list_avg(highs) END AS high
            FROM grouped
        )
    )
)"""
_SUMMARY = "g.mean, g.std, g.ci_low, g.ci_high, g.ci_over, g.n_seeds, g.n_leaking"
_WILSON = (
    f"(accuracy + {Z**2 / 2} / n {{}} {Z} * sqrt(accuracy * (1 - accuracy) / n + {Z**2 / 4} / n / n))"
    f" / (1 + {Z**2} / n)"
)
"""An end of the interval of an accuracy over examples (Wilson 1927), as `engine.wilson.wilson_interval`."""
_ACCURACIES = f"""
    SELECT run_id, 'accuracy' AS metric, view, split, NULL AS attack, NULL AS threshold_rule, accuracy AS value,
        greatest({_WILSON.format("-")}, 0) AS ci_low, least({_WILSON.format("+")}, 1) AS ci_high,
        CAST(NULL AS BOOLEAN) AS leaks
    FROM accuracies"""

CURVE = f"""
WITH {_FINISHED}, {_PAPER}, facts AS (
    {_ACCURACIES.strip()}
    UNION ALL
    SELECT run_id, 'calibration_error', view, split, NULL, NULL, calibration_error, NULL, NULL, NULL
    FROM accuracies WHERE calibration_error IS NOT NULL
    UNION ALL
    SELECT run_id, metric, view, NULL, attack, threshold_rule, value, ci_low, ci_high, leaks
    FROM leakage WHERE class_label IS NULL
), grouped AS (
    SELECT {_SETTING}, f.metric, f.view, f.split, f.attack, f.threshold_rule, {_VALUES}, {_LEAKING}, {_IN_WORDS},
        c.size, c.settings, c.papers, {_WARNINGS}
    FROM chosen c JOIN facts f ON f.run_id = c.run_id {_TOLD}
    {{where}}
    GROUP BY ALL
), {_STATISTICS}
SELECT {_SETTING_OF_G}, g.metric, g.view, g.split, g.attack, g.threshold_rule, {_SUMMARY}, p.published,
    g.size, g.setting, g.settings, g.warnings
FROM statistics g LEFT JOIN paper p
    ON p.class_label IS NULL AND p.split IS NOT DISTINCT FROM g.split AND {_SAME_SETTING}"""
"""One row per setting and fact, over seeds of finished runs.

The interval is the wider of two, and `ci_over` names it: over examples (of several seeds the mean), and over seeds,
Student's from three on.
"""

_CURVE_ORDER = (
    "dataset, network, defense, train_fraction, settings, certification NULLS FIRST, {}, metric, view, "
    "split NULLS FIRST, attack NULLS FIRST, threshold_rule NULLS FIRST, {}"
)
CAPACITY_ORDER = _CURVE_ORDER.format("epsilon, evaluation_epsilon", "capacity")
EPSILON_ORDER = _CURVE_ORDER.format("capacity", "epsilon, evaluation_epsilon")

_PLAIN = [(view, split) for view in PLAIN_VIEWS for split in SPLITS]
_RIGHT = ", ".join(
    f"max(accuracy) FILTER ((view, split) = ('{view}', '{split}')) AS {column_of(view, split)}"
    for view, split in _PLAIN
)
_RIGHT_MEANS = ", ".join(f"avg(a.{name}) AS {name}" for name in (column_of(*key) for key in _PLAIN))
_RIGHT_OF_G = ", ".join(f"g.{column_of(*key)}" for key in _PLAIN)
BY_SEED = f"""
WITH {_FINISHED}, facts AS (
    SELECT * FROM leakage WHERE class_label IS NULL
), right_answers AS (SELECT run_id, {_RIGHT} FROM accuracies GROUP BY run_id
), grouped AS (
    SELECT {_SETTING}, f.attack, f.view, f.threshold_rule, f.metric, {_VALUES}, {_LEAKING}, {_IN_WORDS},
        min(f.n_member) AS n_member, min(f.n_nonmember) AS n_nonmember, min(c.steps) AS steps,
        CAST(to_json(map(list(CAST(c.seed AS VARCHAR) {_BY_SEED}), list(f.value {_BY_SEED}))) AS VARCHAR) AS by_seed,
        {_RIGHT_MEANS}, c.size, c.settings, {_WARNINGS}
    FROM chosen c JOIN facts f ON f.run_id = c.run_id LEFT JOIN right_answers a ON a.run_id = c.run_id {_TOLD}
    {{where}}
    GROUP BY ALL
), {_STATISTICS}
SELECT {_SETTING_OF_G}, g.attack, g.view, g.threshold_rule, g.metric, {_SUMMARY}, g.n_member, g.n_nonmember, g.steps,
    g.by_seed, {_RIGHT_OF_G}, g.size, g.setting, g.settings, g.warnings
FROM statistics g"""
"""One row per setting and fact of leakage on all classes, with the value of each seed: for comparing settings."""

BY_SEED_ORDER = (
    "dataset, network, defense, train_fraction, settings, certification NULLS FIRST, epsilon, evaluation_epsilon, "
    "capacity, metric, view, attack, threshold_rule"
)

CLASSES = f"""
WITH {_FINISHED}, {_PAPER}, facts AS (SELECT * FROM leakage), grouped AS (
    SELECT {_SETTING}, f.attack, f.view, f.class_label, max(k.name) AS class_name, f.threshold_rule, f.metric,
        {_VALUES}, {_LEAKING}, {_IN_WORDS}, min(f.n_member) AS n_member, min(f.n_nonmember) AS n_nonmember,
        c.size, c.settings, c.papers, {_WARNINGS}
    FROM chosen c JOIN facts f ON f.run_id = c.run_id
        LEFT JOIN class_names k ON (k.run_id, k.class_label) = (f.run_id, f.class_label)
        {_TOLD}
    {{where}}
    GROUP BY ALL
), {_STATISTICS}
SELECT {_SETTING_OF_G}, g.attack, g.view, g.class_label, g.class_name, g.threshold_rule, g.metric, {_SUMMARY},
    g.n_member, g.n_nonmember, p.published, g.size, g.setting, g.settings, g.warnings
FROM statistics g LEFT JOIN paper p
    ON p.class_label IS NOT DISTINCT FROM g.class_label AND p.split IS NULL AND {_SAME_SETTING}"""
"""The same for leakage only, each class beside the row of all classes (class_label NULL)."""

CLASSES_ORDER = f"{_SETTING} NULLS FIRST, settings, attack, view, threshold_rule, metric, class_label NULLS FIRST"

_PRINTED = {
    column_of(view, split): f"(metric, view, split) = ('accuracy', '{view}', '{split}')"
    for view in HEADLINE_VIEWS
    for split in SPLITS
} | {
    column_of(view, rule): f"(metric, view, threshold_rule) = ('inference_accuracy', '{view}', '{rule}')"
    for rule in RULES
    for view in HEADLINE_VIEWS
}
"""Columns of the paper's Tables 8 to 10 in their order, then I_B, I_A and I_V with held-out thresholds."""
_PAPERS = {name: fact for name, fact in _PRINTED.items() if "heldout" not in name}
_STATISTICS_OF = ", ".join(
    f"max({value}) FILTER ({fact}) AS {name}{suffix}"
    for name, fact in _PRINTED.items()
    for suffix, value in (
        *(("", "mean"), ("_std", "std"), ("_ci_low", "ci_low"), ("_ci_high", "ci_high"), ("_ci_over", "ci_over")),
        *([("_n_leaking", "n_leaking")] if "inference" in name else []),
    )
)
_PUBLISHED_OF = ", ".join(f"max(published) FILTER ({fact}) AS paper_{name}" for name, fact in _PAPERS.items())
VIEWS = f"""
WITH {_FINISHED}, {_PAPER}, facts AS (
    {_ACCURACIES.strip()}
    UNION ALL
    SELECT run_id, metric, view, NULL, attack, threshold_rule, value, ci_low, ci_high, leaks FROM leakage
    WHERE attack = '{HEADLINE}' AND metric = 'inference_accuracy' AND class_label IS NULL
), grouped AS (
    SELECT {_SETTING}, c.size, f.metric, f.view, f.split, f.threshold_rule, {_VALUES}, {_LEAKING}, {_IN_WORDS},
        c.settings, {all_of("t.messages")} AS messages
    FROM chosen c JOIN facts f ON f.run_id = c.run_id {_TOLD}
    {{where}}
    GROUP BY ALL
), {_STATISTICS}, wide AS (
    SELECT {_SETTING}, size, max(n_seeds) AS n_seeds, {_STATISTICS_OF}, max(setting) AS setting,
        settings, {joined(all_of("messages"))} AS warnings,
        string_agg(DISTINCT view, ' ' ORDER BY view) FILTER (messages IS NOT NULL) AS warned_views
    FROM statistics GROUP BY ALL
), numbered AS (SELECT *, row_number() OVER () AS number FROM wide), printed AS (
    SELECT dataset, defense, epsilon, train_fraction AS paper_train_fraction, capacity AS paper_capacity,
        {_PUBLISHED_OF}
    FROM paper
    WHERE class_label IS NULL AND (metric = 'accuracy' OR (metric, attack) = ('inference_accuracy', '{HEADLINE}'))
    GROUP BY ALL
)
SELECT g.* EXCLUDE (number, setting, settings, warnings, warned_views), p.* EXCLUDE (dataset, defense, epsilon),
    g.setting, g.settings, g.warnings, g.warned_views
FROM numbered g LEFT JOIN printed p
    ON {_SAME_DEFENSE} OR (p.epsilon IS NULL AND (p.dataset, p.defense) = (g.dataset, g.defense))
QUALIFY row_number() OVER (
    PARTITION BY number ORDER BY p.paper_train_fraction = g.train_fraction DESC, p.paper_train_fraction DESC
) = 1"""
"""One row per setting, laid out as the paper's Tables 8 to 10, beside the row that the paper prints.

That is the paper's row of the same data set, defense and epsilon, whatever our network, image size and number of
images; how large its network was and what share of the images it trained on stand beside its numbers.
"""

_SETTING_IN_ORDER = (
    "list_transform(regexp_extract_all(setting, '[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?|[^0-9]+'), lambda part: "
    "CASE WHEN regexp_matches(part, '^[0-9]') THEN printf('%040.15f', CAST(part AS DOUBLE)) ELSE part END)"
)
"""Numbers in words by their size: temperature 2 before temperature 10."""
VIEWS_ORDER = (
    "dataset, network, size NULLS FIRST, train_fraction, capacity, "
    f"list_position({list(DEFENSES)}, defense), epsilon, evaluation_epsilon, "
    f"list_position({list(CERTIFICATIONS)}, certification) NULLS FIRST, {_SETTING_IN_ORDER} NULLS FIRST, settings"
)
"""Defenses in the paper's order."""
