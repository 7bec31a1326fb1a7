UPDATE endpoint
SET former_secret = $4
WHERE tenant_id = $1 AND endpoint_id = $2 AND former_secret = $3
