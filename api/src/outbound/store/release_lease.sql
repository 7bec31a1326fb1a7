UPDATE endpoint
SET holder = NULL, held_until = NULL
WHERE tenant_id = $1 AND endpoint_id = $2 AND holder = $3
