-- The receipts of a batch. Binds: the tenant, the instant of recording, a JSON array of [command id, digest, outcome
-- (both in hexadecimal), first position, count].
INSERT OR ROLLBACK INTO receipt (tenant_id, recorded_at, command_id, digest, outcome, first_position, count)
SELECT ?, ?, r.value ->> 0, unhex(r.value ->> 1), unhex(r.value ->> 2), r.value ->> 3, r.value ->> 4
FROM json_each(?) AS r;
