-- Which label asks Planwright to look at an issue, as the settings of the default branch say it, so
-- that an issue with other labels costs no look at GitHub.

CREATE TABLE issue_labels (
    repository BIGINT NOT NULL PRIMARY KEY,
    -- Absent where the settings have changed since they were read.
    label TEXT,
    -- When the settings were read, or changed.
    known_at BIGINT NOT NULL
);

-- The head that a run has published without finishing it, and what is missing.
ALTER TABLE agent_runs ADD COLUMN unfinished_head TEXT;
ALTER TABLE agent_runs ADD COLUMN unfinished_why TEXT;
