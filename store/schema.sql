-- Version 11. Times are seconds since 1970, UTC. No indexes on the large tables: runs are written one after another,
-- so the blocks' own minima and maxima already tell which of them hold a run.

CREATE TABLE schema_version (version INTEGER);

CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY,
    submission BIGINT,           -- 1, 2, 3...: the order in which runs were asked for
    name VARCHAR,
    sweep VARCHAR,               -- the first sweep that asked for it; NULL when it only came in by import
    dataset VARCHAR,
    network VARCHAR,
    capacity DOUBLE,
    defense VARCHAR,
    epsilon DOUBLE,              -- trained with
    evaluation_epsilon DOUBLE,   -- attacked and certified with
    seed BIGINT,
    train_fraction DOUBLE,
    population VARCHAR,          -- hash of all but the seed, where that draws the members; else empty
    recipe VARCHAR,              -- hash of all but the seed and how it draws members
    setting VARCHAR,             -- how it departs from its recipe, in words; NULL where it does not, or before version 4
    spec JSON,                   -- Experiment.to_dict()
    place JSON,                  -- where it runs; changes no result
    state VARCHAR,               -- queued, running, done, failed, diverged, cancelled
    priority INTEGER,
    attempts INTEGER,
    device VARCHAR,
    created DOUBLE,
    started DOUBLE,              -- of the latest start or resume
    ended DOUBLE,                -- of the latest end; NULL from a start to the next end
    error VARCHAR,
    together INTEGER DEFAULT 1,  -- runs of the stack that it was begun in: its time is that of all of them
    versions JSON
);

-- One run may belong to many sweeps; it is computed once.
CREATE TABLE sweeps (sweep VARCHAR, run_id VARCHAR, position INTEGER, PRIMARY KEY (sweep, run_id));

CREATE TABLE history (run_id VARCHAR, step BIGINT, epoch INTEGER, metric VARCHAR, value DOUBLE);

-- What the classes of a run's data are called; none of runs from before version 5.
CREATE TABLE class_names (run_id VARCHAR, class_label INTEGER, name VARCHAR);

-- What a reader of a run's numbers must know before believing them; runs from before version 6 have one that says so.
CREATE TABLE warnings (
    run_id VARCHAR,
    topic VARCHAR,               -- attack, output, membership, data, accuracy, bounds
    view VARCHAR,                -- whose numbers it speaks of; NULL: all of the run's
    message VARCHAR
);

CREATE TABLE accuracies (
    run_id VARCHAR,
    view VARCHAR,
    split VARCHAR,
    accuracy DOUBLE,
    n BIGINT,
    calibration_error DOUBLE     -- expected calibration error, 15 bins; NULL from before version 4
);

CREATE TABLE scores (
    run_id VARCHAR,
    view VARCHAR,
    example INTEGER,
    member BOOLEAN,
    label INTEGER,
    confidence FLOAT,
    margin DOUBLE,
    correct BOOLEAN,
    risk FLOAT                   -- chance of being a member given the score; NULL from before version 3
);

-- What attacks that compare with other models say of each image.
CREATE TABLE attack_scores (
    run_id VARCHAR,
    attack VARCHAR,
    view VARCHAR,
    threshold_rule VARCHAR,      -- how the threshold behind `found` was chosen: references, or else oracle
    example INTEGER,
    member BOOLEAN,
    score FLOAT,                 -- higher for members
    found BOOLEAN                -- called a member by the threshold that keeps 1 % FPR
);

CREATE TABLE leakage (
    run_id VARCHAR,
    attack VARCHAR,
    view VARCHAR,
    class_label INTEGER,         -- NULL: all classes
    threshold_rule VARCHAR,
    metric VARCHAR,
    value DOUBLE,
    ci_low DOUBLE,
    ci_high DOUBLE,
    n_member BIGINT,
    n_nonmember BIGINT,
    leaks BOOLEAN                -- whether it is told apart from a guess; NULL where that means nothing
);

-- Which inference attacks were asked of a run's answers, and how far each is; `leakage` has what the done ones found.
CREATE TABLE inferences (
    run_id VARCHAR,
    attack VARCHAR,
    settings VARCHAR,            -- the settings of [inference] that change this attack's numbers, as JSON of sorted keys
    state VARCHAR,               -- queued, running, done, failed, cancelled
    error VARCHAR,
    created DOUBLE,
    started DOUBLE,
    ended DOUBLE,
    PRIMARY KEY (run_id, attack, settings)
);

-- The paper's numbers; columns in the order of published.csv. NULL where a fact has no such thing or the paper says N.A.
CREATE TABLE published (
    printed_in VARCHAR,          -- table 6, figure 3, abstract, notebook (the authors', full precision)...
    dataset VARCHAR,
    train_fraction DOUBLE,
    defense VARCHAR,
    epsilon DOUBLE,              -- nominal; for natural models the one of the evaluation
    epsilon_text VARCHAR,        -- as printed; '4/255?' is our reading of a row whose label is lost
    capacity DOUBLE,
    class_label INTEGER,
    metric VARCHAR,
    attack VARCHAR,
    view VARCHAR,
    split VARCHAR,
    threshold_rule VARCHAR,
    value DOUBLE,
    source VARCHAR               -- paper or notebook
);
