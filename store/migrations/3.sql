-- From version 2: whether a number tells of leakage at all, and each example's privacy risk score.
ALTER TABLE leakage ADD COLUMN leaks BOOLEAN;
ALTER TABLE scores ADD COLUMN risk FLOAT;
DELETE FROM published;
