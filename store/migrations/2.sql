-- From version 1: a queue that outlives the engine, runs shared by sweeps, and how a run was attacked.
ALTER TABLE runs ADD COLUMN submission BIGINT;
ALTER TABLE runs ADD COLUMN evaluation_epsilon DOUBLE;
ALTER TABLE runs ADD COLUMN place JSON;
ALTER TABLE runs ADD COLUMN priority INTEGER;
ALTER TABLE runs ADD COLUMN attempts INTEGER;

UPDATE runs
SET submission = numbered.submission,
    evaluation_epsilon = CAST(spec ->> '$.evaluation.epsilon' AS DOUBLE),
    priority = 0,
    attempts = 0
FROM (SELECT run_id, row_number() OVER (ORDER BY created, run_id) AS submission FROM runs) AS numbered
WHERE runs.run_id = numbered.run_id;

CREATE TABLE sweeps (sweep VARCHAR, run_id VARCHAR, position INTEGER, PRIMARY KEY (sweep, run_id));
INSERT INTO sweeps
SELECT sweep, run_id, row_number() OVER (PARTITION BY sweep ORDER BY submission) - 1 FROM runs WHERE sweep IS NOT NULL;

DROP TABLE published;
CREATE TABLE published (
    printed_in VARCHAR,
    dataset VARCHAR,
    train_fraction DOUBLE,
    defense VARCHAR,
    epsilon DOUBLE,
    epsilon_text VARCHAR,
    capacity DOUBLE,
    class_label INTEGER,
    metric VARCHAR,
    attack VARCHAR,
    view VARCHAR,
    split VARCHAR,
    threshold_rule VARCHAR,
    value DOUBLE,
    source VARCHAR
);
