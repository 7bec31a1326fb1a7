-- What another store remembers of commands; what is there stays. Binds: the tenant, then a list of each further column.
INSERT INTO receipt (tenant_id, command_id, digest, outcome, first_position, count, recorded_at)
SELECT h.tenant_id, r.command_id, r.digest, r.outcome, r.first_position, r.count, r.recorded_at
FROM log_head AS h
CROSS JOIN unnest($2::bytea [], $3::bytea [], $4::bytea [], $5::bigint [], $6::bigint [], $7::bigint [])
    AS r (command_id, digest, outcome, first_position, count, recorded_at)
WHERE h.tenant_id = $1
ON CONFLICT DO NOTHING
