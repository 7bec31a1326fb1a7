CREATE INDEX IF NOT EXISTS event_by_type ON event (tenant_id, type, position);
