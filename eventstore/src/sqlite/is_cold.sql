-- Whether the bytes of an entry have left the database. Binds: the tenant, the position.
SELECT entry = x'7B7D' AS cold
FROM event
WHERE tenant_id = ?1 AND position = ?2;
