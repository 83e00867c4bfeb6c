-- What people read of a planning or an applying, while it goes on and afterwards.

-- JSON: the repository, the head, and who asked; there for runs that have a page.
ALTER TABLE runs ADD COLUMN subject TEXT;
-- What came out of it: a plan set, whose report goes on being edited, or else what was said.
ALTER TABLE runs ADD COLUMN plan_set BIGINT;
ALTER TABLE runs ADD COLUMN report TEXT;

CREATE TABLE run_steps (
    run TEXT NOT NULL REFERENCES runs (id),
    seq BIGINT NOT NULL,
    stack TEXT,
    stage TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'stopped')),
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (run, seq)
);

-- Pieces of what the engine said, some lines each.
CREATE TABLE run_lines (
    run TEXT NOT NULL REFERENCES runs (id),
    seq BIGINT NOT NULL,
    stack TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);
