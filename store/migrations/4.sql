-- From version 3: in what a run departs from its recipe, and how well its confidences are calibrated.
ALTER TABLE runs ADD COLUMN setting VARCHAR;
ALTER TABLE accuracies ADD COLUMN calibration_error DOUBLE;
DELETE FROM published;
