-- The W3C trace context of what caused a job, so that whichever process runs it continues the trace.
ALTER TABLE jobs ADD COLUMN trace_parent TEXT;
