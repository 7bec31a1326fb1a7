-- The events of a batch. Binds: the tenant, the instant of recording, then a list of each further column.
INSERT INTO event (tenant_id, recorded_at, position, id, type, leaf_hash, entry)
SELECT h.tenant_id, $2, e.position, e.id, e.type, e.leaf_hash, e.entry
FROM log_head AS h
CROSS JOIN unnest($3::bigint [], $4::uuid [], $5::text [], $6::bytea [], $7::bytea [])
    AS e (position, id, type, leaf_hash, entry)
WHERE h.tenant_id = $1
