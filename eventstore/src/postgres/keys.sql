-- The data keys of the subjects after one. Binds: the tenant, that subject, how many at most.
SELECT subject AS id, key_id, wrapped AS bytes, destroyed
FROM data_key
WHERE tenant_id = $1 AND subject > $2
ORDER BY subject
LIMIT $3
