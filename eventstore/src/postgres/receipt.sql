-- What is remembered of a command. Binds: the tenant, the command id.
SELECT digest AS fixed, outcome AS bytes, first_position AS position, count AS number, recorded_at
FROM receipt
WHERE tenant_id = $1 AND command_id = $2
