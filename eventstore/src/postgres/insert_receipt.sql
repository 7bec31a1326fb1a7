-- The outcome of one command. Binds: each column.
INSERT INTO receipt (tenant_id, command_id, digest, outcome, first_position, count, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
