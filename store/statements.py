"""The SQL behind `store.queries` about single runs; each SELECT has one `{where}` for conditions on its aliases."""

from engine.registry import CERTIFIED, HEADLINE, VIEWS
from store.rows import BETWEEN_WARNINGS, HEADLINE_VIEWS, SPLITS, column_of

_VIEWS = ", ".join(f"('{view}')" for view in VIEWS)
TOLD = f"""(
    SELECT w.run_id, v.view, list(w.message) AS messages
    FROM warnings w JOIN (VALUES {_VIEWS}) v(view) ON w.view IS NULL OR w.view = v.view
    GROUP BY w.run_id, v.view
)"""
"""For each run and view that warnings speak of, what they say: a warning without a view speaks of all."""
TOLD_OF_T = "(t.run_id, t.view) = ({0}.run_id, {0}.view)"
"""Condition that a row of `TOLD` speaks of a row with these columns."""


def joined(messages: str) -> str:
    """The distinct messages of a list as one text; NULL of none."""
    return f"array_to_string(list_sort(list_distinct({messages})), '{BETWEEN_WARNINGS}')"


def all_of(lists: str) -> str:
    """Aggregate: the messages of several lists as one list; NULL of none."""
    return f"flatten(list({lists}) FILTER ({lists} IS NOT NULL))"


def certification(alias: str) -> str:
    """The method behind a run's certified view; NULL where the run has none."""
    has_view = f"list_contains(CAST(json_extract({alias}.spec, '$.evaluation.views') AS VARCHAR[]), '{CERTIFIED}')"
    return f"CASE WHEN {has_view} THEN json_extract_string({alias}.spec, '$.evaluation.certification') END"


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
    f"max(accuracy) FILTER (view = '{view}' AND split = '{split}') AS {column_of(view, split)}"
    for view in HEADLINE_VIEWS
    for split in SPLITS
)
_INFERENCE = ",\n".join(
    f"max(value) FILTER (view = '{view}') AS {column_of(view, 'oracle')}" for view in HEADLINE_VIEWS
)
_LEAKS = ",\n".join(f"bool_or(leaks) FILTER (view = '{view}') AS {view}_leaks" for view in HEADLINE_VIEWS)
_RUNS = f"""
SELECT r.run_id, r.submission, r.name, r.sweep, r.dataset, r.network, r.capacity, r.defense, r.epsilon,
    r.evaluation_epsilon, r.seed, r.train_fraction,
    CAST(json_extract_string(r.spec, '$.recipe.steps') AS BIGINT) AS steps,
    json_extract_string(r.spec, '$.data.size') AS size,
    {certification("r")} AS certification, r.setting,
    nullif(r.population, '') AS population,
    r.state, r.priority, r.attempts, json_extract_string(r.place, '$.on') AS places, r.device,
    r.created, r.started, r.ended, r.together, r.error,
    a.* EXCLUDE run_id, l.* EXCLUDE run_id, t.* EXCLUDE run_id
    /* more */
FROM runs r
LEFT JOIN (SELECT run_id, {_ACCURACIES} FROM accuracies GROUP BY run_id) a ON a.run_id = r.run_id
LEFT JOIN (
    SELECT run_id, {_INFERENCE}, {_LEAKS} FROM leakage
    WHERE attack = '{HEADLINE}' AND threshold_rule = 'oracle' AND metric = 'inference_accuracy' AND class_label IS NULL
    GROUP BY run_id
) l ON l.run_id = r.run_id
LEFT JOIN (
    SELECT run_id, {joined(all_of("messages"))} AS warnings, string_agg(view, ' ' ORDER BY view) AS warned_views
    FROM {TOLD} GROUP BY run_id
) t ON t.run_id = r.run_id
{{where}}"""

RUNS = _RUNS.replace("/* more */", "")
"""One row per run with its headline numbers; the inference accuracy is the confidence attack's, oracle threshold.

`warned_views`: the views whose numbers the warnings speak of, with blanks between.
"""

RUN = _RUNS.replace(
    "/* more */",
    ", (SELECT string_agg(sweep, ' ' ORDER BY sweep) FROM sweeps WHERE run_id = r.run_id) AS sweeps"
    ", r.spec, r.place, r.versions",
)
"""The same with the whole experiment as JSON, and every sweep the run belongs to."""

ACCURACIES = f"""
SELECT a.run_id, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.seed, r.state, a.view, a.split, a.accuracy,
    a.n, a.calibration_error, {joined("t.messages")} AS warnings
FROM accuracies a LEFT JOIN runs r ON r.run_id = a.run_id LEFT JOIN {TOLD} t ON {TOLD_OF_T.format("a")}
{{where}}"""

LEAKAGE = f"""
SELECT l.run_id, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.seed, l.attack, l.view, l.class_label,
    l.threshold_rule, l.metric, l.value, l.ci_low, l.ci_high, l.n_member, l.n_nonmember,
    l.leaks, {joined("t.messages")} AS warnings
FROM leakage l LEFT JOIN runs r ON r.run_id = l.run_id LEFT JOIN {TOLD} t ON {TOLD_OF_T.format("l")}
{{where}}"""

WARNINGS = """
SELECT w.run_id, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.seed, w.topic, w.view, w.message
FROM warnings w LEFT JOIN runs r ON r.run_id = w.run_id
{where}"""

INFERENCES = """
SELECT i.run_id, i.attack, i.settings AS own_settings, i.state, i.error, i.created, i.started, i.ended,
    r.state AS run_state
FROM inferences i LEFT JOIN runs r ON r.run_id = i.run_id
{where}"""

HISTORY = """
SELECT h.run_id, h.step, h.epoch, h.metric, h.value, r.state
FROM history h LEFT JOIN runs r ON r.run_id = h.run_id
{where}"""

STEPS = 256
SEEDS_HISTORY = f"""
WITH folded AS (
    SELECT h.metric, h.step, avg(h.value) AS mean, min(h.value) AS low, max(h.value) AS high, count(*) AS n_runs
    FROM history h
    {{where}}
    GROUP BY h.metric, h.step
), placed AS (
    SELECT *, {STEPS} * (row_number() OVER (PARTITION BY metric ORDER BY step) - 1)
        // greatest({STEPS}, count(*) OVER (PARTITION BY metric)) AS place
    FROM folded
)
SELECT metric, max(step) AS step, avg(mean) AS mean, min(low) AS low, max(high) AS high, max(n_runs) AS n_runs
FROM placed GROUP BY metric, place"""
"""Each metric over the runs step by step; neighbours of more than 256 steps are put together, no peak is lost."""

SCORES = """
SELECT s.run_id, s.view, s.example, s.member, s.label, CAST(s.confidence AS DOUBLE) AS confidence, s.margin, s.correct,
    CAST(s.risk AS DOUBLE) AS risk
FROM scores s
{where}"""

_EXPOSED = ",\n".join(
    f"CAST(max(s.{number}) FILTER (s.view = '{view}') AS DOUBLE) AS {view}_{number}"
    for view in VIEWS
    for number in ("confidence", "risk")
)
EXPOSED = f"""
SELECT s.run_id, s.example, s.label, max(k.name) AS class_name, CAST(max(s.risk) AS DOUBLE) AS risk,
    avg(s.risk) AS mean_risk, {_EXPOSED}
FROM (SELECT * FROM scores WHERE member) s
    LEFT JOIN class_names k ON (k.run_id, k.class_label) = (s.run_id, s.label)
{{where}}
GROUP BY s.run_id, s.example, s.label"""
"""One row per training example, the most exposed first: its highest risk of all views, and what each view says."""

_POPULATION = (
    "r.population, r.dataset, r.network, r.capacity, r.defense, r.epsilon, r.evaluation_epsilon, "
    "s.attack, s.view, s.threshold_rule"
)
IMAGE_RISKS = f"""
SELECT {_POPULATION}, s.example, max(k.label) AS label, max(c.name) AS class_name,
    count_if(s.found) / count(*) AS risk, CAST(count_if(s.found) AS BIGINT) AS n_found, count(*) AS n_models
FROM (SELECT * FROM attack_scores WHERE member) s JOIN runs r ON r.run_id = s.run_id AND r.population <> ''
    LEFT JOIN (SELECT * FROM scores WHERE member) k
        ON (k.run_id, k.view, k.example) = (s.run_id, s.view, s.example)
    LEFT JOIN class_names c ON (c.run_id, c.class_label) = (s.run_id, k.label)
{{where}}
GROUP BY ALL"""
"""One row per image, attack and view of a population: the share of the models trained on it that betray it."""
IMAGE_RISKS_ORDER = (
    "dataset, defense, capacity, epsilon, evaluation_epsilon, population, attack, view, threshold_rule, risk DESC, "
    "n_models DESC, example"
)

CLASS_RISKS = f"""
WITH asked AS (
    SELECT s.*, r.population FROM attack_scores s JOIN runs r ON r.run_id = s.run_id AND r.population <> '' {{where}}
), labels AS (
    SELECT population, example, max(label) AS class_label FROM scores
        JOIN (SELECT population, min(run_id) AS run_id FROM asked GROUP BY population) USING (run_id)
    GROUP BY ALL
), counted AS (
    SELECT population, run_id, attack, view, threshold_rule, class_label, count_if(member) AS n_member,
        count_if(member AND found) AS n_found, count(*) - n_member AS n_nonmember, count_if(found) - n_found AS n_false
    FROM asked JOIN labels USING (population, example)
    GROUP BY ALL
), models AS (
    SELECT population, run_id, attack, view, threshold_rule, class_label, sum(n_member) AS members,
        sum(n_nonmember) AS others, sum(n_found) / members AS found, sum(n_false) / others AS mistaken
    FROM counted
    GROUP BY GROUPING SETS (
        (population, run_id, attack, view, threshold_rule, class_label),
        (population, run_id, attack, view, threshold_rule)
    )
)
SELECT {_POPULATION}, s.class_label, max(c.name) AS class_name, avg(s.found ORDER BY run_id) AS tpr,
    avg(s.mistaken ORDER BY run_id) AS fpr, stddev_samp(s.found - s.mistaken ORDER BY run_id) AS std,
    count(*) AS n_models, CAST(min(s.members) AS BIGINT) AS n_member, CAST(min(s.others) AS BIGINT) AS n_nonmember
FROM models s JOIN runs r USING (run_id) LEFT JOIN class_names c USING (run_id, class_label)
WHERE s.members > 0 AND s.others > 0
GROUP BY ALL"""
"""One row per class, attack and view of a population: the shares of members and of others that its models call so."""
CLASS_RISKS_ORDER = (
    "dataset, defense, capacity, epsilon, evaluation_epsilon, population, attack, view, threshold_rule, "
    "class_label NULLS FIRST"
)

# Along the curve a bin once left is never entered again: its last point is the one whose successor lies in another.
_ALL_SCORES = """
SELECT run_id, 'margin' AS attack, view, margin AS score, member FROM scores
UNION ALL
SELECT run_id, attack, view, score, member FROM attack_scores"""
ROC = f"""
WITH ties AS (
    SELECT s.run_id, s.attack, s.view,
        CASE WHEN isnan(s.score) THEN CAST('-inf' AS DOUBLE) ELSE s.score END AS threshold,
        count(*) FILTER (s.member) AS members, count(*) FILTER (NOT s.member) AS nonmembers
    FROM ({_ALL_SCORES}) s
    {{where}}
    GROUP BY ALL
), counted AS (
    SELECT run_id, attack, view, threshold, CAST(sum(members) OVER above AS BIGINT) AS true_positives,
        CAST(sum(nonmembers) OVER above AS BIGINT) AS false_positives,
        CAST(sum(members) OVER whole AS BIGINT) AS n_member, CAST(sum(nonmembers) OVER whole AS BIGINT) AS n_nonmember
    FROM ties
    WINDOW whole AS (PARTITION BY run_id, attack, view), above AS (
        PARTITION BY run_id, attack, view ORDER BY threshold DESC ROWS UNBOUNDED PRECEDING
    )
), curve AS (
    SELECT run_id, attack, view, false_positives / n_nonmember AS fpr, true_positives / n_member AS tpr, threshold, row(
        200 * false_positives // n_nonmember, 200 * true_positives // n_member,
        CASE WHEN false_positives > 0 THEN floor(20 * log10(false_positives / n_nonmember)) END
    ) AS bins
    FROM counted WHERE n_member > 0 AND n_nonmember > 0
)
SELECT * EXCLUDE bins FROM (
    FROM curve QUALIFY bins IS DISTINCT FROM lead(bins) OVER (PARTITION BY run_id, attack, view ORDER BY threshold DESC)
)
UNION ALL
SELECT DISTINCT run_id, attack, view, 0.0, 0.0, NULL FROM curve"""
"""Points of each attack's exact curve "member if score >= threshold" in a view, from (0, 0), where nobody is one, to
(1, 1): of the margin, and of attacks with references.

The curve has one point per distinct score; one that is not a number counts as the lowest. To be drawn on linear and
on logarithmic axes, the last point is kept of those in each 200th of the FPR, of the TPR, and in each 20th of a decade
of the FPR: at its FPR or less, no TPR is higher. A view without members or without non-members has no curve.
"""

BINS = 40
HISTOGRAM = f"""
WITH chosen AS (
    SELECT s.run_id, s.attack, s.view, s.member, CASE WHEN isnan(s.score) THEN CAST('-inf' AS DOUBLE) ELSE s.score END
        AS score
    FROM ({_ALL_SCORES}) s
    {{where}}
), ends AS (
    SELECT run_id, attack, view, quantile_cont(score, 0.005) AS first, quantile_cont(score, 0.995) AS last
    FROM chosen WHERE isfinite(score) GROUP BY ALL
), bins AS (
    SELECT *, CASE WHEN last > first THEN (last - first) / {BINS} ELSE 1 END AS width, unnest(range({BINS})) AS bin
    FROM ends
), counted AS (
    SELECT c.run_id, c.attack, c.view,
        CAST(CASE WHEN NOT last > first OR score <= first THEN 0 WHEN score >= last THEN {BINS - 1}
            ELSE least(floor({BINS} * (score - first) / (last - first)), {BINS - 1}) END AS BIGINT) AS bin,
        count(*) FILTER (member) AS members, count(*) FILTER (NOT member) AS nonmembers
    FROM chosen c JOIN ends e ON (e.run_id, e.attack, e.view) = (c.run_id, c.attack, c.view)
    GROUP BY ALL
)
SELECT b.run_id, b.attack, b.view, first + bin * width AS low, first + (bin + 1) * width AS high,
    coalesce(members, 0) AS members, coalesce(nonmembers, 0) AS nonmembers
FROM bins b LEFT JOIN counted c USING (run_id, attack, view, bin)"""
"""Members and others in equal bins of each attack's score between its 0.5 % and its 99.5 % point of both together, so
that a few extremes do not squeeze the others; what lies beyond, or is no number, counts in the outermost bins.
"""

PUBLISHED = "SELECT p.* FROM published p {where}"
PUBLISHED_FILTERS = {
    name: f"p.{name} IN ({{}})" for name in ("dataset", "defense", "metric", "attack", "view", "source")
}
PUBLISHED_ORDER = "printed_in, dataset, defense, epsilon, capacity, metric, attack, view, split, class_label"
