-- The receipts of these command ids: ?2 is a JSON array of them.
SELECT r.command_id, r.digest, r.outcome, r.first_position, r.count, r.recorded_at
FROM json_each(?2) AS wanted
JOIN receipt AS r ON r.tenant_id = ?1 AND r.command_id = wanted.value
