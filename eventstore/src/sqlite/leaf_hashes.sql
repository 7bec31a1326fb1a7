-- The leaf hashes after ?2 and up to ?3.
SELECT leaf_hash
FROM event
WHERE tenant_id = ?1 AND position > ?2 AND position <= ?3
ORDER BY position
