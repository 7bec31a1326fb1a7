UPDATE delivery
SET epoch = epoch + 1, attempts = attempts + 1, next_at = $5, changed_at = $6
WHERE tenant_id = $1 AND endpoint_id = $2 AND position = $3 AND epoch = $4
