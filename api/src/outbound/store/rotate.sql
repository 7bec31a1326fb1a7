UPDATE endpoint
SET former_secret = secret, former_until = $4, secret = $3
WHERE tenant_id = $1 AND endpoint_id = $2
