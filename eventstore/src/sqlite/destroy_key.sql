-- Destroys the data key of a subject. Binds: the tenant, the subject.
UPDATE data_key
SET wrapped = x'', destroyed = 1
WHERE tenant_id = ?1 AND subject = ?2;
