UPDATE endpoint
SET disabled_at = NULL, disabled_because = NULL, cursor_at = $3
WHERE tenant_id = $1 AND endpoint_id = $2 AND disabled_at IS NOT NULL
