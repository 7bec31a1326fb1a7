-- What must be done about whom, by people and by rules. No personal text stands here: titles are the rules' own, and
-- of a lead that came again only the source is kept.
CREATE TABLE IF NOT EXISTS work_customer (
    tenant_id        BLOB    NOT NULL,
    generation       BIGINT  NOT NULL,
    customer         BLOB    NOT NULL,
    owner_kind       TEXT    NOT NULL,
    owner_id         TEXT    NOT NULL,
    tier             TEXT,
    region           TEXT,
    next_at          BIGINT,
    -- When it last came in as a lead again, unless somebody has followed up since.
    touched_at       BIGINT,
    last_activity_at BIGINT,
    created_at       BIGINT  NOT NULL,
    -- Whether it was merged into another, or erased.
    closed           BIGINT  NOT NULL,
    -- Where it stands in its primary journey.
    journey          TEXT    NOT NULL,
    stage            TEXT,
    entered_at       BIGINT,
    -- Whether it went back in this cycle.
    went_back        BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS work_customer_next ON work_customer (tenant_id, generation, next_at, customer)
WHERE next_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS work_customer_touched ON work_customer (tenant_id, generation, touched_at, customer)
WHERE touched_at IS NOT NULL;

-- Where each journey stands.
CREATE TABLE IF NOT EXISTS work_standing (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    journey    TEXT   NOT NULL,
    stage      TEXT   NOT NULL,
    entered_at BIGINT NOT NULL,
    customer   BLOB   NOT NULL,
    -- Whether the customer went back in this cycle.
    went_back  BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, journey)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS work_standing_stage
    ON work_standing (tenant_id, generation, journey, stage, entered_at, customer);

-- What rules will do, as things stand. A hint: whether it is done is decided on the customer's history.
CREATE TABLE IF NOT EXISTS work_deadline (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    customer   BLOB   NOT NULL,
    rule       TEXT   NOT NULL,
    cause      BLOB   NOT NULL,
    journey    TEXT   NOT NULL,
    due_at     BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, rule, cause)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS work_deadline_due ON work_deadline (tenant_id, generation, due_at, customer, rule);

-- What rules did, and what they were refused.
CREATE TABLE IF NOT EXISTS work_run (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    journey    TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    -- Null where the calendar set the rule off for a pipeline as a whole.
    customer   BLOB,
    cause      BLOB   NOT NULL,
    due_at     BIGINT NOT NULL,
    -- The codes of the refusal; null where it acted.
    skipped    TEXT,
    PRIMARY KEY (tenant_id, generation, journey, rule, position)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS work_task (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    task       BLOB   NOT NULL,
    customer   BLOB   NOT NULL,
    name       TEXT   NOT NULL,
    title_zh   TEXT   NOT NULL,
    title_en   TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    due_at     BIGINT NOT NULL,
    rule       TEXT   NOT NULL,
    cause      BLOB   NOT NULL,
    journey    TEXT   NOT NULL,
    stage      TEXT   NOT NULL,
    process    TEXT,
    state      TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, generation, task)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS work_task_due ON work_task (tenant_id, generation, due_at, task);
CREATE INDEX IF NOT EXISTS work_task_customer ON work_task (tenant_id, generation, customer);

CREATE TABLE IF NOT EXISTS work_reminder (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    -- An event may tell several.
    n          BIGINT NOT NULL,
    reminder   BLOB   NOT NULL,
    -- Null where the calendar reminds of a pipeline as a whole.
    customer   BLOB,
    journey    TEXT   NOT NULL,
    -- Whose the customer was.
    owner_kind TEXT,
    owner_id   TEXT,
    role       TEXT   NOT NULL,
    text_zh    TEXT   NOT NULL,
    text_en    TEXT   NOT NULL,
    channels   TEXT   NOT NULL,
    rule       TEXT   NOT NULL,
    cause      BLOB   NOT NULL,
    at         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, generation, position, n)
) WITHOUT ROWID;

-- What people hear of customers: moves, owners and reminders, each for somebody by role.
CREATE TABLE IF NOT EXISTS work_message (
    tenant_id  BLOB   NOT NULL,
    generation BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    n          BIGINT NOT NULL,
    message    BLOB   NOT NULL,
    kind       TEXT   NOT NULL,
    -- Null where the calendar reminds of a pipeline as a whole.
    customer   BLOB,
    journey    TEXT   NOT NULL,
    -- Who did it.
    actor      TEXT   NOT NULL,
    owner_kind TEXT,
    owner_id   TEXT,
    role       TEXT   NOT NULL,
    stage_from TEXT,
    stage_to   TEXT,
    sub_status TEXT,
    -- A reason code of the pipeline.
    reason     TEXT,
    text_zh    TEXT,
    text_en    TEXT,
    at         BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, generation, position, n)
) WITHOUT ROWID;
