-- The plan that was made last, as the log has it, is the one that holds.
SELECT customer, next_at AS at
FROM (
    SELECT customer, next_at, row_number() OVER (PARTITION BY customer ORDER BY position DESC) AS place
    FROM timeline_row
    WHERE tenant_id = $1 AND generation = $2 AND deed IN ('follow_up', 'plan')
      AND known_from <= $3 AND effective_at <= $4
) AS planned
WHERE place = 1
