-- Whether the bytes of an entry have left the database. Its length is told without reading it. Binds: the tenant, the position.
SELECT octet_length(entry) = 2 AS cold
FROM event
WHERE tenant_id = $1 AND position = $2
