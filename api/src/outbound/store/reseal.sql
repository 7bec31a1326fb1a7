UPDATE endpoint
SET secret = $4
WHERE tenant_id = $1 AND endpoint_id = $2 AND secret = $3
