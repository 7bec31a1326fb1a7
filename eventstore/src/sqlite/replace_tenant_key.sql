-- Stores the key of a tenant in another form. Binds: the tenant, as it is stored, as it is stored from now on.
UPDATE tenant_key
SET wrapped = ?3
WHERE tenant_id = ?1 AND wrapped = ?2;
