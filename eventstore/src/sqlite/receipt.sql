-- What is remembered of a command. Binds: the tenant, the command's id.
SELECT digest, outcome, first_position, count, recorded_at
FROM receipt
WHERE tenant_id = ?1 AND command_id = ?2;
