-- The receipts of these command ids: ?2 is a JSON array of them.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the table.
SELECT r.command_id, r.digest, r.outcome, r.first_position, r.count, r.recorded_at
FROM json_each(?2) AS wanted
CROSS JOIN receipt AS r ON r.tenant_id = ?1 AND r.command_id = wanted.value
