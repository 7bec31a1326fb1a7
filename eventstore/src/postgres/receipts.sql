-- What is remembered of the commands after one. Binds: the tenant, the id of that one, how many at most.
SELECT command_id, digest AS fixed, outcome AS bytes, first_position AS position, count AS number, recorded_at
FROM receipt
WHERE tenant_id = $1 AND command_id > $2
ORDER BY command_id
LIMIT $3
