SELECT key_id, hash, actor, roles, scopes, created_at, revoked_at
FROM api_key
WHERE tenant_id = $1
ORDER BY created_at, key_id
