UPDATE key_fingerprint
SET fingerprint = $2
WHERE tenant_id = $1
