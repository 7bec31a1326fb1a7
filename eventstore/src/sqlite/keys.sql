-- A page of the data keys. Binds: the tenant, the subject of the one before, how many at most.
SELECT subject, key_id, wrapped, destroyed
FROM data_key
WHERE tenant_id = ?1 AND subject > ?2
ORDER BY subject
LIMIT ?3;
