-- Rewraps data keys. Binds: the tenant, then lists of the subjects, of the keys as they are stored, and as they are stored
-- from now on.
UPDATE data_key AS d
SET wrapped = k.wrapped
FROM unnest($2::uuid [], $3::bytea [], $4::bytea []) AS k (subject, stored, wrapped)
WHERE d.tenant_id = $1 AND d.subject = k.subject AND d.wrapped = k.stored
