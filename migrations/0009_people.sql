-- Who has a part in a change.

-- What a push was: its commits, the end of its branch, or a request to the bot to commit to it. Rows without
-- it are older, and of those with a zero `after_sha` nobody knows which of the last two they are.
ALTER TABLE pushes ADD COLUMN what TEXT CHECK (what IN ('push', 'deletion', 'asked'));

-- Where the head of a pull request is, and when it was merged: what was pushed before that belongs to
-- no later pull request of the same branch.
ALTER TABLE pull_requests ADD COLUMN head_repository BIGINT;
ALTER TABLE pull_requests ADD COLUMN head_ref TEXT;
ALTER TABLE pull_requests ADD COLUMN merged_at BIGINT;
CREATE INDEX pull_requests_of_branch ON pull_requests (head_repository, head_ref);

-- Who lifted the hold on a head, so that it was planned.
CREATE TABLE lifts (
    repository BIGINT NOT NULL,
    number BIGINT NOT NULL,
    head TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    lifted_at BIGINT NOT NULL,
    PRIMARY KEY (repository, number, head, user_id)
);

-- The branches that the bot made, from which commit, what it committed to them last, and the pull request that
-- it opened. Whatever else has such a name was made by somebody else.
CREATE TABLE own_branches (
    repository BIGINT NOT NULL,
    branch TEXT NOT NULL,
    base TEXT NOT NULL,
    head TEXT,
    pull_request BIGINT,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (repository, branch)
);
