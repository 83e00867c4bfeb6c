-- The current state of the change of a plan set. First step of moving it out of `plan_sets.report`: both are
-- written, and `report` is read until no version is left that writes only that.
CREATE TABLE changes (
    plan_set BIGINT NOT NULL PRIMARY KEY REFERENCES plan_sets (id),
    change TEXT NOT NULL
);
