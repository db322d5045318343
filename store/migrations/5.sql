-- From version 4: what classes are called.
CREATE TABLE class_names (run_id VARCHAR, class_label INTEGER, name VARCHAR);
DELETE FROM published;
