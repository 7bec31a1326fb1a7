-- The data keys that a batch brings. Binds: the tenant, a JSON array of [subject, key id, wrapped key], all in
-- hexadecimal.
INSERT OR ROLLBACK INTO data_key (tenant_id, subject, key_id, wrapped, destroyed)
SELECT ?, unhex(k.value ->> 0), unhex(k.value ->> 1), unhex(k.value ->> 2), 0
FROM json_each(?) AS k;
