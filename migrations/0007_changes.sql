-- A change goes on after its plan set was recorded: it stands here from its first step on. Until then it
-- is what the plan set was recorded with (`plan_sets.report`, which nothing edits any more).
CREATE TABLE changes (
    plan_set BIGINT NOT NULL PRIMARY KEY REFERENCES plan_sets (id),
    change TEXT NOT NULL
);
