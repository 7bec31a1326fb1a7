-- The customers that share a mark with one, those that share most first. Unused binds repeat the first mark.
SELECT customer, count(*)
FROM board_gram
WHERE tenant_id = $1 AND generation = $2
  AND gram IN ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
               $25, $26)
GROUP BY customer
ORDER BY count(*) DESC, customer
LIMIT $27
