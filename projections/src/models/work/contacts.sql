-- Who must be contacted in a span of time, and who came in as a lead again and waits since; each once. Whom the next
-- contact puts in the span waits for that. Of what a pool owns nobody has an appointment.
SELECT w.customer, w.owner_kind, w.owner_id, w.tier, w.next_at, w.last_activity_at, w.created_at, w.touched_at,
       w.journey, w.stage, w.entered_at, w.went_back, w.due_at
FROM (
    SELECT p.customer, p.owner_kind, p.owner_id, p.tier, p.next_at, p.last_activity_at, p.created_at, p.touched_at,
           p.journey, p.stage, p.entered_at, p.went_back, p.due_at
    FROM (
        SELECT c.customer, c.owner_kind, c.owner_id, c.tier, c.next_at, c.last_activity_at, c.created_at, c.touched_at,
               c.journey, c.stage, c.entered_at, c.went_back, c.next_at AS due_at
        FROM work_customer c
        WHERE c.tenant_id = $1 AND c.generation = $2 AND c.closed = 0 AND c.owner_kind = 'rep'
          AND c.next_at >= $3 AND c.next_at < $4
          AND c.next_at >= $15 AND (c.next_at > $15 OR c.customer > $16)
          AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
          AND (c.next_at < $7 OR c.next_at > $8 OR c.next_at IS NULL OR $7 IS NULL)
          AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
               OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
          AND ((SELECT replace($12, $13 || b.sub_status || $13, '') FROM board_card b
                WHERE b.tenant_id = $1 AND b.generation = $14 AND b.customer = c.customer AND b.pipeline = c.journey) <> $12
               OR $12 IS NULL)
        ORDER BY c.next_at, c.customer
        LIMIT $17
    ) p
    UNION ALL
    SELECT t.customer, t.owner_kind, t.owner_id, t.tier, t.next_at, t.last_activity_at, t.created_at, t.touched_at,
           t.journey, t.stage, t.entered_at, t.went_back, t.due_at
    FROM (
        SELECT c.customer, c.owner_kind, c.owner_id, c.tier, c.next_at, c.last_activity_at, c.created_at, c.touched_at,
               c.journey, c.stage, c.entered_at, c.went_back, c.touched_at AS due_at
        FROM work_customer c
        WHERE c.tenant_id = $1 AND c.generation = $2 AND c.closed = 0
          AND c.touched_at < $5 AND (c.next_at < $3 OR c.next_at >= $4 OR c.next_at IS NULL OR c.owner_kind <> 'rep')
          AND c.touched_at >= $15 AND (c.touched_at > $15 OR c.customer > $16)
          AND ((c.owner_kind = 'rep' AND c.owner_id = $6) OR $6 IS NULL)
          AND (c.next_at < $7 OR c.next_at > $8 OR c.next_at IS NULL OR $7 IS NULL)
          AND (replace($9, $11 || c.region || $11, '') <> $9 OR c.region IS NULL
               OR (c.owner_kind = 'rep' AND replace($10, $11 || c.owner_id || $11, '') <> $10) OR $9 IS NULL)
          AND ((SELECT replace($12, $13 || b.sub_status || $13, '') FROM board_card b
                WHERE b.tenant_id = $1 AND b.generation = $14 AND b.customer = c.customer AND b.pipeline = c.journey) <> $12
               OR $12 IS NULL)
        ORDER BY c.touched_at, c.customer
        LIMIT $17
    ) t
) w
ORDER BY w.due_at, w.customer
LIMIT $17
