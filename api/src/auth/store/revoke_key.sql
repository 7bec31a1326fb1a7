UPDATE api_key
SET revoked_at = COALESCE(revoked_at, $3)
WHERE tenant_id = $1 AND key_id = $2
