-- The data keys of some subjects. Binds: a JSON array of them in hexadecimal, the tenant.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the table.
SELECT 'key' AS fact, k.subject, k.key_id, k.wrapped, k.destroyed
FROM json_each(?) AS wanted
CROSS JOIN data_key AS k ON k.tenant_id = ? AND k.subject = unhex(wanted.value);
