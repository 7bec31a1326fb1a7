-- The entries after one position and up to another. Binds: the tenant, the positions, how many. The limit stands
-- in a question of its own, so that no plan is made for it: where the server has not yet looked at a table that grew a
-- moment ago, a limit of thousands seems to be none, and every page would read and sort all that follows it.
SELECT position, recorded_at, entry
FROM event
WHERE tenant_id = $1 AND position > $2 AND position <= $3
ORDER BY position
LIMIT (SELECT $4::bigint)
