-- The event of a batch of one. Binds: each column.
INSERT INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry)
VALUES ($1, $2, $3, $4, $5, $6, $7)
