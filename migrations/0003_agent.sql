-- Runs of the agent: what each was asked for and what became of it, and its log.

CREATE TABLE agent_runs (
    id TEXT NOT NULL PRIMARY KEY,
    -- What asked for it: while a run of it is remembered, it is that run.
    request TEXT NOT NULL UNIQUE,
    repository BIGINT NOT NULL,
    -- The issue.
    number BIGINT NOT NULL,
    -- Where its result can be seen.
    pull_request BIGINT,
    is_over BIGINT NOT NULL CHECK (is_over IN (0, 1)),
    -- Whether its pull request may leave its draft.
    is_complete BIGINT NOT NULL CHECK (is_complete IN (0, 1)),
    -- In millionths of a dollar.
    spent BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX agent_runs_of_issue ON agent_runs (repository, number, started_at);
CREATE INDEX agent_runs_of_pull_request ON agent_runs (repository, pull_request);

CREATE TABLE agent_events (
    run TEXT NOT NULL REFERENCES agent_runs (id),
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    -- Over this event and the hash before it.
    hash TEXT NOT NULL,
    PRIMARY KEY (run, seq)
);
