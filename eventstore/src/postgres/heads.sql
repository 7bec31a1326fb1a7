-- Administration: where every tenant's log ends. Promises nothing of one moment.
SELECT tenant_id, position, recorded_at, erasures FROM log_head WHERE position > 0 ORDER BY tenant_id
