-- The leaf hashes after one position and up to another. Binds: the tenant, the positions.
SELECT leaf_hash
FROM event
WHERE tenant_id = $1 AND position > $2 AND position <= $3
ORDER BY position
