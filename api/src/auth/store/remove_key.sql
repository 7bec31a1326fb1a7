DELETE FROM api_key
WHERE tenant_id = $1 AND key_id = $2
