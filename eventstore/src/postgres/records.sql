-- The entries after a position with what their rows repeat of them. Binds: the tenant, the position, how many: a
-- question of its own as in page.sql, for the same reason.
SELECT position, id, type, recorded_at, leaf_hash, entry
FROM event
WHERE tenant_id = $1 AND position > $2
ORDER BY position
LIMIT (SELECT $3::bigint)
