-- From version 5: what a reader of a run's numbers must know before believing them.
CREATE TABLE warnings (run_id VARCHAR, topic VARCHAR, view VARCHAR, message VARCHAR);
DELETE FROM published;
