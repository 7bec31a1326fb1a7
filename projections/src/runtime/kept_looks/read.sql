SELECT tenant, position, until
FROM background_look
WHERE tenant_id = $1 AND worker = $2 AND rules = $3
