-- Forgets the keys of subjects. Binds: the tenant, the subjects.
UPDATE data_key
SET wrapped = '', destroyed = true
WHERE tenant_id = $1 AND subject = ANY ($2)
