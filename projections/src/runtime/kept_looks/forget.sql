DELETE FROM background_look
WHERE tenant_id = $1 AND tenant = $2
