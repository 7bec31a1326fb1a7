-- What one customer bought and earned, as known at a position.
--   $1 tenant, $2 generation, $3 customer, $4 the last position that counts
SELECT customer, position, event, effective_at, kind, reference, amount, currency, points, reward, other, actor
FROM board_purchase
WHERE tenant_id = $1 AND generation = $2 AND customer = $3 AND position <= $4
ORDER BY position
