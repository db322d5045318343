-- From version 10: how many runs one process trained as one stack; of runs from before it is not known.
ALTER TABLE runs ADD COLUMN together INTEGER DEFAULT 1;
