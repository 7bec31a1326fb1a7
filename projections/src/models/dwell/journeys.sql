-- One row a customer: its moves in effective order, each as "at cycle repeats version recorded made_by kind noted length
-- stage length actor ", so that a history of twenty moves costs one row of the driver and not twenty. Lengths are in bytes.
SELECT customer,
       string_agg(
           effective_at || ' ' || cycle || ' ' || repeats || ' ' || version || ' ' || recorded_at || ' '
           || made_by || ' ' || kind || ' ' || noted || ' ' || octet_length(stage) || ' ' || stage || ' '
           || octet_length(actor) || ' ' || actor || ' ', '' ORDER BY effective_at, position) AS moves
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND customer > $4
  AND known_from <= $5 AND (known_until IS NULL OR known_until > $5)
GROUP BY customer
ORDER BY customer
LIMIT $6
