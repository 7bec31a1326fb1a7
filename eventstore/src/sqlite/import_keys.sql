-- Data keys of another store; what is there stays. Binds: the tenant, a JSON array of [subject, key id, wrapped key (all
-- in hexadecimal), whether it is destroyed].
INSERT INTO data_key (tenant_id, subject, key_id, wrapped, destroyed)
SELECT ?, unhex(k.value ->> 0), unhex(k.value ->> 1), unhex(k.value ->> 2), k.value ->> 3
FROM json_each(?) AS k
WHERE true
ON CONFLICT (tenant_id, subject) DO NOTHING;
