UPDATE delivery
SET state = $5, next_at = $6, last_status = $7, last_error = $8, changed_at = $9
WHERE tenant_id = $1 AND endpoint_id = $2 AND position = $3 AND epoch = $4
