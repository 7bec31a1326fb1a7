-- The outcomes of the commands of a batch. Binds: the tenant, the instant of recording, then a list of each further
-- column.
INSERT INTO receipt (tenant_id, recorded_at, command_id, digest, outcome, first_position, count)
SELECT h.tenant_id, $2, r.command_id, r.digest, r.outcome, r.first_position, r.count
FROM log_head AS h
CROSS JOIN unnest($3::bytea [], $4::bytea [], $5::bytea [], $6::bigint [], $7::bigint [])
    AS r (command_id, digest, outcome, first_position, count)
WHERE h.tenant_id = $1
