INSERT INTO key_fingerprint (tenant_id, fingerprint)
VALUES ($1, $2)
ON CONFLICT DO NOTHING
