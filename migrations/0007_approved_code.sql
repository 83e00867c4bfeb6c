-- The repository's own code that may run, by the digest of its content: what stood on the default branch
-- when the repository was first seen, what a person lifted the hold on for a plan, and what was approved.

CREATE TABLE approved_code (
    repository BIGINT NOT NULL,
    digest TEXT NOT NULL,
    basis TEXT NOT NULL CHECK (basis IN ('first_seen', 'lifted', 'approved')),
    -- The pull request in which it was lifted or approved, and who lifted it.
    number BIGINT,
    user_id BIGINT,
    login TEXT,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (repository, digest, basis)
);

-- Who wrote code that stood on the default branch without an approval: each has a part in every change that
-- runs it.
CREATE TABLE code_authors (
    repository BIGINT NOT NULL,
    digest TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    login TEXT NOT NULL,
    PRIMARY KEY (repository, digest, user_id)
);

-- When a repository was first seen, and at which commit.
CREATE TABLE first_seen (
    repository BIGINT NOT NULL PRIMARY KEY,
    commit_sha TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);

-- The repository's own code that a plan ran; absent if all of it came with the binary.
ALTER TABLE plans ADD COLUMN code TEXT;
