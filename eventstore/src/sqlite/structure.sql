-- Where each tenant's log ends, and which entries are there.
SELECT
    h.tenant_id,
    h.position,
    (SELECT max(e.position) FROM event AS e WHERE e.tenant_id = h.tenant_id) AS last,
    (SELECT count(*) FROM event AS e WHERE e.tenant_id = h.tenant_id) AS entries
FROM log_head AS h
WHERE h.position > 0
ORDER BY h.tenant_id;
