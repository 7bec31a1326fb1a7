-- What one event is found by, when that is one tag alone. Binds: each column.
INSERT INTO event_tag (tenant_id, tag, position, type, blind_subject)
VALUES ($1, $2, $3, $4, $5)
