SELECT fingerprint
FROM key_fingerprint
WHERE tenant_id = $1
