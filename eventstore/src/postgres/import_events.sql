-- Entries of another store. Binds: the tenant, then a list of each further column.
INSERT INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry)
SELECT h.tenant_id, e.position, e.id, e.type, e.recorded_at, e.leaf_hash, e.entry
FROM log_head AS h
CROSS JOIN unnest($2::bigint [], $3::uuid [], $4::text [], $5::bigint [], $6::bytea [], $7::bytea [])
    AS e (position, id, type, recorded_at, leaf_hash, entry)
WHERE h.tenant_id = $1
