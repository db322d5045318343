-- From version 7: which runs can be one another's references; none of runs from before, whose split is the paper's.
ALTER TABLE runs ADD COLUMN population VARCHAR;
UPDATE runs SET population = '';
