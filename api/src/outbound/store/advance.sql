UPDATE endpoint
SET cursor_at = $4
WHERE tenant_id = $1 AND endpoint_id = $2 AND cursor_at = $3 AND disabled_at IS NULL
