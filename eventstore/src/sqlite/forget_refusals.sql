-- Forgets refusals of commands, of those recorded before an instant. Binds: the tenant, the instant, a JSON array of ids.
DELETE FROM receipt
WHERE tenant_id = ?1 AND count = 0 AND recorded_at < ?2 AND command_id IN (SELECT value FROM json_each(?3));
