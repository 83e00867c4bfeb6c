-- Which stack a state belongs to: the first one that used its key on the default branch, also after that stack
-- is removed. No other stack gets it.

CREATE TABLE state_keys (
    repository BIGINT NOT NULL,
    state_key TEXT NOT NULL,
    stack TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (repository, state_key)
);
