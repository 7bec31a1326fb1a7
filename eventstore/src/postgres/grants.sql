-- What an ordinary role that owns nothing may do with the log, and the second wall between tenants: such a role
-- sees and writes the rows of that tenant alone which its transaction has named by SET LOCAL app.tenant. A
-- transaction that names nobody sees nothing. Applied by the owner, as often as liked; with psql:
--   psql -v role=waymark_app -f grants.sql

GRANT SELECT ON log_layout TO :"role";
GRANT SELECT, INSERT, UPDATE ON log_head TO :"role";
GRANT SELECT, INSERT ON event TO :"role";
GRANT SELECT, INSERT, DELETE ON event_tag TO :"role";
GRANT SELECT, INSERT, DELETE ON receipt TO :"role";
GRANT SELECT, INSERT, UPDATE ON data_key TO :"role";
GRANT SELECT, INSERT ON tenant_key TO :"role";
GRANT SELECT, INSERT ON tile TO :"role";
GRANT SELECT, INSERT, UPDATE ON checkpoint TO :"role";
GRANT SELECT ON event_readable TO :"role";

ALTER TABLE log_head ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON log_head;
CREATE POLICY tenant_alone ON log_head
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- Which logs there are and where they end is the system's own business: it names itself, the nil tenant.
DROP POLICY IF EXISTS system_looks ON log_head;
CREATE POLICY system_looks ON log_head FOR SELECT
USING (
    nullif(current_setting('app.tenant', true), '')::uuid = '00000000-0000-0000-0000-000000000000'
);

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON event;
CREATE POLICY tenant_alone ON event
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE event_tag ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON event_tag;
CREATE POLICY tenant_alone ON event_tag
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE receipt ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON receipt;
CREATE POLICY tenant_alone ON receipt
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- A refusal may be forgotten when its time is over; what a command brought into the log stays remembered.
DROP POLICY IF EXISTS refusals_alone_go ON receipt;
CREATE POLICY refusals_alone_go ON receipt AS RESTRICTIVE FOR DELETE
USING (count = 0);

ALTER TABLE data_key ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON data_key;
CREATE POLICY tenant_alone ON data_key
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE tenant_key ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON tenant_key;
CREATE POLICY tenant_alone ON tenant_key
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE tile ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON tile;
CREATE POLICY tenant_alone ON tile
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

ALTER TABLE checkpoint ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_alone ON checkpoint;
CREATE POLICY tenant_alone ON checkpoint
USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
