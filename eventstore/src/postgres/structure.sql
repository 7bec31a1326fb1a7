-- Whether a tenant's log has as many entries as its head says, up to where it says. Bind: the tenant.
SELECT
    h.position,
    (SELECT coalesce(max(e.position), 0) FROM event AS e WHERE e.tenant_id = $1) AS last,
    (SELECT count(*) FROM event AS e WHERE e.tenant_id = $1) AS entries
FROM log_head AS h
WHERE h.tenant_id = $1
