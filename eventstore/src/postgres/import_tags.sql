-- Tags of entries of another store; what is there stays. Binds: the tenant, then a list of each further column.
INSERT INTO event_tag (tenant_id, tag, position, type, blind_subject)
SELECT h.tenant_id, t.tag, t.position, t.type, t.blind_subject
FROM log_head AS h
CROSS JOIN unnest($2::text [], $3::bigint [], $4::text [], $5::uuid []) AS t (tag, position, type, blind_subject)
WHERE h.tenant_id = $1
ON CONFLICT DO NOTHING
