-- Entries with what is stored beside them. Binds: the tenant, the position before the first, how many at most.
SELECT position, id, type, recorded_at, leaf_hash, entry
FROM event
WHERE tenant_id = ?1 AND position > ?2
ORDER BY position
LIMIT ?3;
