-- A page of what is remembered of commands. Binds: the tenant, the id of the one before, how many at most.
SELECT command_id, digest, outcome, first_position, count, recorded_at
FROM receipt
WHERE tenant_id = ?1 AND command_id > ?2
ORDER BY command_id
LIMIT ?3;
