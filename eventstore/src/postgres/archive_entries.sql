-- Takes the bytes of entries out of the database, because they are in segments. Binds: the tenant, the first position, the last.
UPDATE event
SET entry = '\x7b7d'::bytea
WHERE tenant_id = $1 AND position BETWEEN $2 AND $3
