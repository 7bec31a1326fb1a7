-- Data keys of another store; what is there stays. Binds: the tenant, then a list of each further column.
INSERT INTO data_key (tenant_id, subject, key_id, wrapped, destroyed)
SELECT h.tenant_id, k.subject, k.key_id, k.wrapped, k.destroyed
FROM log_head AS h
CROSS JOIN unnest($2::uuid [], $3::uuid [], $4::bytea [], $5::boolean []) AS k (subject, key_id, wrapped, destroyed)
WHERE h.tenant_id = $1
ON CONFLICT DO NOTHING
