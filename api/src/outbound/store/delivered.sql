SELECT attempts, changed_at
FROM delivery
WHERE tenant_id = $1 AND endpoint_id = $2 AND position = $3
