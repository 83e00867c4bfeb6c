-- Which process last put a request down or began to send it, and when: as long as that may be under
-- way, nobody else sends it.
ALTER TABLE outbox ADD COLUMN touched_by TEXT;
ALTER TABLE outbox ADD COLUMN touched_at BIGINT;
