-- The entries after one position and up to another. Binds: the tenant, the positions, how many.
SELECT position, recorded_at, entry
FROM event
WHERE tenant_id = $1 AND position > $2 AND position <= $3
ORDER BY position
LIMIT $4
