-- From version 8: what attacks with references say of each image; none of runs from before.
CREATE TABLE attack_scores (
    run_id VARCHAR,
    attack VARCHAR,
    view VARCHAR,
    threshold_rule VARCHAR,
    example INTEGER,
    member BOOLEAN,
    score FLOAT,
    found BOOLEAN
);
