-- The data keys of these subjects: ?2 is a JSON array of ids in hexadecimal.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the table.
SELECT k.subject, k.key_id, k.wrapped, k.destroyed
FROM json_each(?2) AS wanted
CROSS JOIN data_key AS k ON k.tenant_id = ?1 AND k.subject = unhex(wanted.value)
