-- From version 5: what a reader of a run's numbers must know before believing them.
CREATE TABLE warnings (run_id VARCHAR, topic VARCHAR, view VARCHAR, message VARCHAR);
INSERT INTO warnings SELECT DISTINCT run_id, 'attack', NULL, 'computed before a run checked its own attack and images, '
    'with intervals of TPR at low FPR that are too narrow; a new project computes it anew' FROM leakage;
DELETE FROM published;
