-- From version 6: which inference attacks were asked of a run's answers, each under settings of its own.
CREATE TABLE inferences (
    run_id VARCHAR, attack VARCHAR, settings VARCHAR, state VARCHAR, error VARCHAR,
    created DOUBLE, started DOUBLE, ended DOUBLE, PRIMARY KEY (run_id, attack, settings)
);
INSERT INTO inferences
SELECT DISTINCT runs.run_id, leakage.attack, CASE
    WHEN leakage.attack = 'gap' THEN '{}'
    WHEN leakage.attack = 'model-class' THEN CAST(json_object(
        'network_splits', coalesce(spec -> '$.inference.network_splits', '3'),
        'per_class', coalesce(spec -> '$.inference.per_class', '500'),
        'restarts', coalesce(spec -> '$.inference.restarts', '3'),
        'seed', coalesce(spec -> '$.inference.seed', '0')) AS VARCHAR)
    WHEN leakage.attack LIKE '%-class' THEN CAST(json_object(
        'per_class', coalesce(spec -> '$.inference.per_class', '500'),
        'seed', coalesce(spec -> '$.inference.seed', '0'),
        'splits', coalesce(spec -> '$.inference.splits', '20')) AS VARCHAR)
    ELSE CAST(json_object(
        'seed', coalesce(spec -> '$.inference.seed', '0'),
        'splits', coalesce(spec -> '$.inference.splits', '20')) AS VARCHAR)
END, 'done', NULL, created, started, ended
FROM leakage JOIN runs ON runs.run_id = leakage.run_id
WHERE state = 'done' AND NOT regexp_matches(leakage.attack, '-(robust|plain)$');
DELETE FROM published;
