-- From version 9: which populations a run with the paper's split can be a target of; of runs from before only those that
-- are asked for again.
ALTER TABLE runs ADD COLUMN recipe VARCHAR;
UPDATE runs SET recipe = population;
