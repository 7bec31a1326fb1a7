-- The data keys of some subjects. Binds: the tenant, the subjects.
SELECT subject AS id, key_id, wrapped AS bytes, destroyed
FROM data_key
WHERE tenant_id = $1 AND subject = ANY ($2)
