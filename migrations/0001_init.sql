-- The first schema; see README.md beside this file for the rules.

-- Numbers that rise in the order of commits. Taking one also holds the others of its name back.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value)
VALUES ('jobs', 0), ('plan_sets', 0), ('stack_locks', 0), ('journal', 0), ('audit', 0);

CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    action TEXT,
    repository BIGINT,
    number BIGINT,
    body TEXT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX deliveries_received_at ON deliveries (received_at);

CREATE TABLE jobs (
    id BIGINT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    dedupe TEXT UNIQUE,
    repository BIGINT,
    number BIGINT,
    generation BIGINT,
    repeats TEXT NOT NULL CHECK (repeats IN ('freely', 'never')),
    state TEXT NOT NULL CHECK (state IN ('open', 'running', 'done', 'failed')),
    attempts BIGINT NOT NULL,
    lost_leases BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    lease_until BIGINT,
    fence BIGINT NOT NULL,
    worker TEXT,
    error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
-- The database itself keeps two jobs of a key from running at once.
CREATE UNIQUE INDEX jobs_one_running_per_key ON jobs (key) WHERE state = 'running';
CREATE INDEX jobs_active ON jobs (key, id) WHERE state IN ('open', 'running');
CREATE INDEX jobs_in_order ON jobs (id) WHERE state IN ('open', 'running');
CREATE INDEX jobs_finished_at ON jobs (finished_at);

CREATE TABLE pull_requests (
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    cancel_requested BIGINT,
    head TEXT,
    state TEXT CHECK (state IN ('open', 'closed', 'merged')),
    PRIMARY KEY (repository, number)
);

CREATE TABLE pushes (
    repository BIGINT NOT NULL,
    git_ref TEXT NOT NULL,
    before_sha TEXT NOT NULL,
    after_sha TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    pushed_at BIGINT NOT NULL,
    PRIMARY KEY (repository, git_ref, before_sha, after_sha, user_id, pushed_at)
);
CREATE INDEX pushes_after_sha ON pushes (repository, after_sha);

CREATE TABLE plan_sets (
    id BIGINT NOT NULL PRIMARY KEY,
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    head TEXT NOT NULL,
    base_commit TEXT NOT NULL,
    merge_tree TEXT NOT NULL,
    base_ref TEXT NOT NULL,
    digest TEXT NOT NULL,
    policy_digest TEXT NOT NULL,
    report TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    posted_at BIGINT
);
CREATE INDEX plan_sets_of_pull_request ON plan_sets (repository, number, id);

CREATE TABLE plans (
    plan_set BIGINT NOT NULL REFERENCES plan_sets (id),
    repository BIGINT NOT NULL,
    stack TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('change', 'destroy')),
    input_digest TEXT NOT NULL,
    plan_digest TEXT NOT NULL,
    plan TEXT NOT NULL,
    lineage TEXT,
    serial BIGINT,
    PRIMARY KEY (plan_set, stack)
);
CREATE INDEX plans_of_input ON plans (repository, stack, input_digest);

CREATE TABLE approvals (
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    natural_key TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('review', 'confirm')),
    user_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    review BIGINT,
    head TEXT NOT NULL,
    plan_set_digest TEXT NOT NULL,
    policy_digest TEXT NOT NULL,
    submitted_at BIGINT NOT NULL,
    PRIMARY KEY (repository, number, natural_key)
);

CREATE TABLE allowances (
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    stack TEXT NOT NULL,
    address TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    head TEXT NOT NULL,
    plan_set_digest TEXT NOT NULL,
    allowed_at BIGINT NOT NULL,
    PRIMARY KEY (repository, number, stack, address, user_id, head, plan_set_digest)
);

CREATE TABLE stacks (
    repository BIGINT NOT NULL,
    stack TEXT NOT NULL,
    applied_commit TEXT NOT NULL,
    applied_number BIGINT NOT NULL,
    input_digest TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    PRIMARY KEY (repository, stack)
);

CREATE TABLE stack_locks (
    repository BIGINT NOT NULL,
    stack TEXT NOT NULL,
    number BIGINT NOT NULL,
    merge_order BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'held')),
    queued_at BIGINT NOT NULL,
    fence BIGINT,
    lease_until BIGINT,
    PRIMARY KEY (repository, stack, number)
);
CREATE UNIQUE INDEX stack_locks_one_holder ON stack_locks (repository, stack) WHERE state = 'held';

CREATE TABLE runs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('plan', 'drift', 'apply', 'agent')),
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('running', 'succeeded', 'failed', 'partial', 'cancelled', 'superseded')),
    started_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX runs_unfinished ON runs (kind, id) WHERE state = 'running';
CREATE INDEX runs_of_pull_request ON runs (repository, number, id);

CREATE TABLE journal (
    id BIGINT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id),
    stack TEXT,
    step TEXT NOT NULL,
    detail TEXT NOT NULL,
    pid BIGINT,
    process_started BIGINT,
    written_at BIGINT NOT NULL
);
CREATE INDEX journal_of_run ON journal (run, id);

CREATE TABLE outbox (
    key TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'done', 'refused')),
    unsure BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    remote_id TEXT,
    remote_at BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX outbox_unfinished ON outbox (created_at, key) WHERE state IN ('pending', 'sending');

CREATE TABLE audit (
    id BIGINT NOT NULL PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL
);
