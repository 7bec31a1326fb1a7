-- Rewraps data keys. Binds: the tenant, a JSON array of [subject, as it is stored, as it is stored from now on], all in
-- hexadecimal.
UPDATE data_key
SET wrapped = unhex(k.value ->> 2)
FROM json_each(?2) AS k
WHERE data_key.tenant_id = ?1 AND data_key.subject = unhex(k.value ->> 0) AND data_key.wrapped = unhex(k.value ->> 1);
