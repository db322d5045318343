"""The SQL behind `store.queries`; each SELECT has one `{where}`, filled with conditions on the aliases used in it."""

from engine.recipes import NETWORK

HEADLINE_VIEWS = ("benign", "adversarial", "certified")
"""Views whose numbers stand in the list of runs; `accuracies` and `leakage` have all of them."""


def run_filters(alias: str) -> dict[str, str]:
    """Conditions on the settings and the state of a run; `{}` stands for the accepted values."""
    own = ("run_id", "dataset", "network", "defense", "state")
    return {"sweep": _in_sweep(alias)} | {name: f"{alias}.{name} IN ({{}})" for name in own}


def fact_filters(alias: str, *columns: str) -> dict[str, str]:
    """Conditions on a table of facts: its own columns, and the settings and the state of its run."""
    own = {name: f"{alias}.{name} IN ({{}})" for name in ("run_id", *columns)}
    of_run = ("dataset", "network", "defense", "state")
    by_run = {name: f"{alias}.run_id IN (SELECT run_id FROM runs WHERE {name} IN ({{}}))" for name in of_run}
    return {"sweep": _in_sweep(alias)} | own | by_run


def _in_sweep(alias: str) -> str:
    return f"{alias}.run_id IN (SELECT run_id FROM sweeps WHERE sweep IN ({{}}))"


_ACCURACIES = ",\n".join(
    f"max(accuracy) FILTER (view = '{view}' AND split = '{split}') AS {view}_{split}_accuracy"
    for view in HEADLINE_VIEWS
    for split in ("train", "test")
)
_INFERENCE = ",\n".join(f"max(value) FILTER (view = '{view}') AS {view}_inference_accuracy" for view in HEADLINE_VIEWS)
_LEAKS = ",\n".join(f"bool_or(leaks) FILTER (view = '{view}') AS {view}_leaks" for view in HEADLINE_VIEWS)
_RUNS = f"""
SELECT r.run_id, r.submission, r.name, r.sweep, r.dataset, r.network, r.capacity, r.defense, r.epsilon,
    r.evaluation_epsilon, r.seed, r.train_fraction,
    CAST(json_extract_string(r.spec, '$.recipe.steps') AS BIGINT) AS steps,
    json_extract_string(r.spec, '$.data.size') AS size,
    r.state, r.priority, r.attempts, r.device, r.created, r.started, r.ended, r.error,
    a.* EXCLUDE run_id, l.* EXCLUDE run_id
    /* more */
FROM runs r
LEFT JOIN (SELECT run_id, {_ACCURACIES} FROM accuracies GROUP BY run_id) a ON a.run_id = r.run_id
LEFT JOIN (
    SELECT run_id, {_INFERENCE}, {_LEAKS} FROM leakage
    WHERE attack = 'confidence' AND threshold_rule = 'oracle' AND metric = 'inference_accuracy' AND class_label IS NULL
    GROUP BY run_id
) l ON l.run_id = r.run_id
{{where}}"""

RUNS = _RUNS.replace("/* more */", "")
"""One row per run with its headline numbers; the inference accuracy is the confidence attack's, oracle threshold."""

RUN = _RUNS.replace(
    "/* more */",
    ", (SELECT string_agg(sweep, ' ' ORDER BY sweep) FROM sweeps WHERE run_id = r.run_id) AS sweeps"
    ", r.spec, r.place, r.versions",
)
"""The same with the whole experiment as JSON, and every sweep the run belongs to."""

SWEEPS = """
SELECT s.sweep, count(*) AS runs,
    count(*) FILTER (r.state = 'queued') AS queued,
    count(*) FILTER (r.state = 'running') AS running,
    count(*) FILTER (r.state = 'done') AS done,
    count(*) FILTER (r.state = 'failed') AS failed,
    count(*) FILTER (r.state = 'diverged') AS diverged,
    count(*) FILTER (r.state = 'cancelled') AS cancelled
FROM sweeps s JOIN runs r ON r.run_id = s.run_id
{where}
GROUP BY s.sweep"""

ACCURACIES = """
SELECT a.run_id, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.seed, r.state, a.view, a.split, a.accuracy,
    a.n
FROM accuracies a LEFT JOIN runs r ON r.run_id = a.run_id
{where}"""

LEAKAGE = """
SELECT l.run_id, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.seed, l.attack, l.view, l.class_label,
    l.threshold_rule, l.metric, l.value, l.ci_low, l.ci_high, l.n_member, l.n_nonmember,
    l.leaks
FROM leakage l LEFT JOIN runs r ON r.run_id = l.run_id
{where}"""

HISTORY = """
SELECT h.run_id, h.step, h.epoch, h.metric, h.value, r.state
FROM history h LEFT JOIN runs r ON r.run_id = h.run_id
{where}"""

SCORES = """
SELECT s.run_id, s.view, s.example, s.member, s.label, CAST(s.confidence AS DOUBLE) AS confidence, s.margin, s.correct,
    CAST(s.risk AS DOUBLE) AS risk
FROM scores s
{where}"""

EXPOSED_VIEWS = (*HEADLINE_VIEWS[:2], "targeted", *HEADLINE_VIEWS[2:])
_EXPOSED = ",\n".join(
    f"CAST(max(s.{number}) FILTER (s.view = '{view}') AS DOUBLE) AS {view}_{number}"
    for view in EXPOSED_VIEWS
    for number in ("confidence", "risk")
)
EXPOSED = f"""
SELECT s.run_id, s.example, s.label, CAST(max(s.risk) AS DOUBLE) AS risk, avg(s.risk) AS mean_risk, {_EXPOSED}
FROM (SELECT * FROM scores WHERE member) s
{{where}}
GROUP BY s.run_id, s.example, s.label"""
"""One row per training example, the most exposed first: its highest risk of all views, and what each view says."""

# Along the curve a bin once left is never entered again: its last point is the one whose successor lies in another.
ROC = """
WITH margins AS (
    SELECT s.run_id, s.view, CASE WHEN isnan(s.margin) THEN CAST('-inf' AS DOUBLE) ELSE s.margin END AS threshold,
        count(*) FILTER (s.member) AS members, count(*) FILTER (NOT s.member) AS nonmembers
    FROM scores s
    {where}
    GROUP BY ALL
), counted AS (
    SELECT run_id, view, threshold, CAST(sum(members) OVER above AS BIGINT) AS true_positives,
        CAST(sum(nonmembers) OVER above AS BIGINT) AS false_positives,
        CAST(sum(members) OVER whole AS BIGINT) AS n_member, CAST(sum(nonmembers) OVER whole AS BIGINT) AS n_nonmember
    FROM margins
    WINDOW whole AS (PARTITION BY run_id, view), above AS (
        PARTITION BY run_id, view ORDER BY threshold DESC ROWS UNBOUNDED PRECEDING
    )
), curve AS (
    SELECT run_id, view, false_positives / n_nonmember AS fpr, true_positives / n_member AS tpr, threshold, row(
        200 * false_positives // n_nonmember, 200 * true_positives // n_member,
        CASE WHEN false_positives > 0 THEN floor(20 * log10(false_positives / n_nonmember)) END
    ) AS bins
    FROM counted WHERE n_member > 0 AND n_nonmember > 0
)
SELECT * EXCLUDE bins FROM (
    FROM curve QUALIFY bins IS DISTINCT FROM lead(bins) OVER (PARTITION BY run_id, view ORDER BY threshold DESC)
)
UNION ALL
SELECT DISTINCT run_id, view, 0.0, 0.0, NULL FROM curve"""
"""Points of each view's exact curve "member if margin >= threshold", from (0, 0), where nobody is one, to (1, 1).

The curve has one point per distinct margin; one that is not a number counts as the lowest. To be drawn on linear and
on logarithmic axes, the last point is kept of those in each 200th of the FPR, of the TPR, and in each 20th of a decade
of the FPR: at its FPR or less, no TPR is higher. A view without members or without non-members has no curve.
"""

PUBLISHED = "SELECT p.* FROM published p {where}"
PUBLISHED_FILTERS = {
    name: f"p.{name} IN ({{}})" for name in ("dataset", "defense", "metric", "attack", "view", "source")
}
PUBLISHED_ORDER = "printed_in, dataset, defense, epsilon, capacity, metric, attack, view, split, class_label"

# Runs are seeds of one setting only where everything but the seed is the same. `settings` tells apart those that the
# other columns do not (another recipe, another image size); a folder counts by content, not by where it lies.
# `papers` marks those with the paper's own network and image size: only beside them do its numbers stand.
_PAPERS_NETWORK = " ".join(f"WHEN '{name}' THEN '{NETWORK[name]}'" for name in ("yale", "fashion-mnist", "cifar10"))
_FINISHED = f"""
chosen AS (
    SELECT run_id, dataset, network, defense, epsilon, evaluation_epsilon, train_fraction, capacity, seed,
        substr(md5(json_merge_patch(spec, '{{"seed": null, "capacity": null, "epsilon": null,
            "evaluation": {{"epsilon": null}}, "data": {{"name": null, "train_fraction": null}}}}')), 1, 8) AS settings,
        network = CASE dataset {_PAPERS_NETWORK} END AND json_extract_string(spec, '$.data.size') IS NULL AS papers
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


def _same_setting(tolerance: float = 0.002) -> str:
    """Condition that a published fact speaks of a row's setting.

    The paper's code rounds 8/255 to 0.0314 in places, so budgets count as equal within the tolerance. Natural models
    are printed under the budget they were attacked with.
    """
    near = f"abs(p.epsilon - g.{{}}) <= {tolerance} * p.epsilon"
    return (
        "g.papers AND p.dataset = g.dataset AND p.train_fraction = g.train_fraction AND p.defense = g.defense "
        "AND p.capacity = g.capacity AND p.metric = g.measure AND p.view = g.view "
        "AND p.attack IS NOT DISTINCT FROM g.attack AND p.threshold_rule IS NOT DISTINCT FROM g.threshold_rule "
        f"AND {near.format('evaluation_epsilon')} AND (g.defense = 'natural' OR {near.format('epsilon')})"
    )


_SETTING = "dataset, network, defense, epsilon, evaluation_epsilon, train_fraction, capacity"
_SETTING_OF_G = ", ".join(f"g.{name}" for name in _SETTING.split(", "))
# Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; above, Cornish and Fisher's expansion
# (Abramowitz and Stegun 26.7.5), good to 1e-6 there.
_T = (
    "12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146, "
    "2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274, "
    "2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804, 2.131449545559776, "
    "2.1199052992212546, 2.1098155778333156, 2.1009220402410382, 2.0930240544083087, 2.085963447265864, "
    "2.0796138447276795, 2.0738730679040254, 2.0686576104190486, 2.0638985616280245, 2.0595385527532972, "
    "2.0555294386428735, 2.0518305164802846, 2.0484071417952454, 2.045229642132703, 2.0422724563012378"
)
_Z = 1.959963984540054
_STUDENT = (
    f"coalesce([{_T}][n_seeds - 1], {_Z} + {(_Z**3 + _Z) / 4} / (n_seeds - 1)"
    f" + {(5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96} / (n_seeds - 1) ** 2"
    f" + {(3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384} / (n_seeds - 1) ** 3)"
)
# Summed in the order of the seeds, so that the last digit is always the same.
_VALUES = "list(f.value ORDER BY c.seed, c.run_id) AS seeds"
_LEAKING = "CASE WHEN count(f.leaks) > 0 THEN CAST(count_if(f.leaks) AS BIGINT) END AS n_leaking"
"""Seeds whose own interval lies above a guess."""
_STATISTICS = f"""
statistics AS (
    SELECT *, len(seeds) AS n_seeds, list_avg(seeds) AS mean, list_stddev_samp(seeds) AS std,
        {_STUDENT} * std / sqrt(n_seeds) AS half
    FROM grouped
)"""
_SUMMARY = "g.mean, g.std, g.mean - g.half AS ci_low, g.mean + g.half AS ci_high, g.n_seeds, g.n_leaking"

CURVE = f"""
WITH {_FINISHED}, {_PAPER}, facts AS (
    SELECT run_id, 'accuracy' AS measure, view, split, NULL AS attack, NULL AS threshold_rule, accuracy AS value,
        CAST(NULL AS BOOLEAN) AS leaks
    FROM accuracies
    UNION ALL
    SELECT run_id, metric, view, NULL, attack, threshold_rule, value, leaks FROM leakage WHERE class_label IS NULL
), grouped AS (
    SELECT {_SETTING}, f.measure, f.view, f.split, f.attack, f.threshold_rule, {_VALUES}, {_LEAKING},
        c.settings, c.papers
    FROM chosen c JOIN facts f ON f.run_id = c.run_id
    {{where}}
    GROUP BY ALL
), {_STATISTICS}
SELECT {_SETTING_OF_G}, g.measure, g.view, g.split, g.attack, g.threshold_rule, {_SUMMARY}, p.published, g.settings
FROM statistics g LEFT JOIN paper p
    ON p.class_label IS NULL AND p.split IS NOT DISTINCT FROM g.split AND {_same_setting()}"""
"""One row per setting and fact, over seeds of finished runs, with Student's interval from two seeds on."""

_CURVE_ORDER = (
    "dataset, network, defense, train_fraction, settings, {}, measure, view, split NULLS FIRST, attack NULLS FIRST, "
    "threshold_rule NULLS FIRST, {}"
)
CAPACITY_ORDER = _CURVE_ORDER.format("epsilon, evaluation_epsilon", "capacity")
EPSILON_ORDER = _CURVE_ORDER.format("capacity", "epsilon, evaluation_epsilon")

CLASSES = f"""
WITH {_FINISHED}, {_PAPER}, facts AS (SELECT * EXCLUDE metric, metric AS measure FROM leakage), grouped AS (
    SELECT {_SETTING}, f.attack, f.view, f.class_label, f.threshold_rule, f.measure, {_VALUES}, {_LEAKING},
        min(f.n_member) AS n_member, min(f.n_nonmember) AS n_nonmember, c.settings, c.papers
    FROM chosen c JOIN facts f ON f.run_id = c.run_id
    {{where}}
    GROUP BY ALL
), {_STATISTICS}
SELECT {_SETTING_OF_G}, g.attack, g.view, g.class_label, g.threshold_rule, g.measure, {_SUMMARY}, g.n_member,
    g.n_nonmember, p.published, g.settings
FROM statistics g LEFT JOIN paper p
    ON p.class_label IS NOT DISTINCT FROM g.class_label AND p.split IS NULL AND {_same_setting()}"""
"""The same for leakage only, each class beside the row of all classes (class_label NULL)."""

CLASSES_ORDER = f"{_SETTING}, settings, attack, view, threshold_rule, measure, class_label NULLS FIRST"
