-- The receipts of some command ids. Binds: a JSON array of them, the tenant.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the table.
SELECT 'receipt' AS fact, r.command_id, r.digest, r.outcome, r.first_position, r.count, r.recorded_at
FROM json_each(?) AS wanted
CROSS JOIN receipt AS r ON r.tenant_id = ? AND r.command_id = wanted.value;
