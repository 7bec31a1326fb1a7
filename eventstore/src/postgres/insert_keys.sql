-- The keys of new subjects. Binds: the tenant, then a list of each further column.
INSERT INTO data_key (tenant_id, subject, key_id, wrapped, destroyed)
SELECT h.tenant_id, k.subject, k.key_id, k.wrapped, false
FROM log_head AS h
CROSS JOIN unnest($2::uuid [], $3::uuid [], $4::bytea []) AS k (subject, key_id, wrapped)
WHERE h.tenant_id = $1
