-- For people who write SQL, and their tools: the read models as they serve now, under names and columns that stay. A column may be
-- added; what would change a meaning gets another version in its name. docs/data.md lists them.
--
-- Said in words of each engine: id(x) is a UUID as text, instant(x) a point in time, decimal(x) an exact number, truth(x) whether.
DROP VIEW IF EXISTS customers_v1;
CREATE VIEW customers_v1 AS
SELECT id(c.tenant_id) AS tenant_id, id(c.customer) AS customer_id, c.name, c.external_id, c.owner_kind, c.owner_id,
       instant(c.owned_since) AS owned_since, c.tier, decimal(c.amount) AS amount, c.currency, c.source, c.channel,
       c.industry, c.region, c.service_type, instant(c.next_at) AS next_contact_at, truth(c.at_risk) AS at_risk,
       truth(c.erased) AS erased, truth(c.withdrawn) AS withdrawn, id(c.merged_into) AS merged_into, c.version,
       c.created_position, c.company_size
FROM board_customer c
JOIN projection_serving s
  ON s.tenant_id = c.tenant_id AND s.projection = 'board' AND s.generation = c.generation;

DROP VIEW IF EXISTS journeys_v1;
CREATE VIEW journeys_v1 AS
SELECT id(c.tenant_id) AS tenant_id, id(c.customer) AS customer_id, c.pipeline, c.pipeline_version, c.cycle, c.stage,
       c.sub_status, instant(c.entered_at) AS entered_at
FROM board_card c
JOIN projection_serving s
  ON s.tenant_id = c.tenant_id AND s.projection = 'board' AND s.generation = c.generation;

DROP VIEW IF EXISTS moves_v1;
CREATE VIEW moves_v1 AS
SELECT id(m.tenant_id) AS tenant_id, id(m.customer) AS customer_id, m.journey AS pipeline, m.version AS pipeline_version,
       m.cycle, m.stage, m.sub_status, instant(m.effective_at) AS effective_at, instant(m.recorded_at) AS recorded_at,
       m.actor, m.made_by, m.kind, m.reason, truth(m.repeats) AS repeats, id(m.event) AS event_id, m.position
FROM dwell_move m
JOIN projection_serving s
  ON s.tenant_id = m.tenant_id AND s.projection = 'dwell' AND s.generation = m.generation
WHERE m.known_until IS NULL;

DROP VIEW IF EXISTS stays_v1;
CREATE VIEW stays_v1 AS
SELECT id(m.tenant_id) AS tenant_id, id(m.customer) AS customer_id, m.journey AS pipeline, m.version AS pipeline_version,
       m.cycle, m.stage, m.sub_status, instant(m.effective_at) AS entered_at,
       instant(lead(m.effective_at) OVER journey) AS left_at, lead(m.stage) OVER journey AS left_to,
       (lead(m.effective_at) OVER journey - m.effective_at) / 1000000.0 AS seconds,
       m.actor AS entered_by, id(m.event) AS entered_event, m.position AS entered_position
FROM dwell_move m
JOIN projection_serving s
  ON s.tenant_id = m.tenant_id AND s.projection = 'dwell' AND s.generation = m.generation
WHERE m.known_until IS NULL AND m.repeats = 0
WINDOW journey AS (
    PARTITION BY m.tenant_id, m.journey, m.customer ORDER BY m.effective_at, m.position
);

DROP VIEW IF EXISTS transactions_v1;
CREATE VIEW transactions_v1 AS
SELECT id(p.tenant_id) AS tenant_id, id(p.customer) AS customer_id, id(p.event) AS transaction_id, p.kind, p.reference,
       decimal(p.amount) AS amount, p.currency, instant(p.effective_at) AS effective_at, p.actor, p.position
FROM board_purchase p
JOIN projection_serving s
  ON s.tenant_id = p.tenant_id AND s.projection = 'board' AND s.generation = p.generation
WHERE p.kind IN ('order', 'contract', 'payment')
  AND NOT EXISTS (
      SELECT 1 FROM board_purchase v
      WHERE v.tenant_id = p.tenant_id AND v.generation = p.generation AND v.other = p.event AND v.kind = 'voided'
  );

DROP VIEW IF EXISTS points_v1;
CREATE VIEW points_v1 AS
SELECT id(p.tenant_id) AS tenant_id, id(p.customer) AS customer_id, id(p.event) AS entry_id, p.kind, p.points, p.reward,
       id(p.other) AS referred, instant(p.effective_at) AS effective_at, p.actor, p.position
FROM board_purchase p
JOIN projection_serving s
  ON s.tenant_id = p.tenant_id AND s.projection = 'board' AND s.generation = p.generation
WHERE p.kind IN ('earned', 'spent', 'reward', 'referral') OR (p.kind IN ('unmerged', 'parted') AND p.points <> 0);
