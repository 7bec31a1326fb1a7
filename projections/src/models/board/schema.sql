-- Customers as they are now. Personal fields stand here in clear and are emptied by an erasure.
CREATE TABLE IF NOT EXISTS board_customer (
    tenant_id        BLOB    NOT NULL,
    generation       INTEGER NOT NULL,
    customer         BLOB    NOT NULL,
    created_position INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    external_id      TEXT,
    name             TEXT,
    contacts         TEXT    NOT NULL,
    fields           TEXT,
    owner_kind       TEXT    NOT NULL,
    owner_id         TEXT    NOT NULL,
    owned_since      INTEGER NOT NULL,
    tier             TEXT,
    amount           TEXT,
    currency         TEXT,
    source           TEXT,
    channel          TEXT,
    tags             TEXT    NOT NULL,
    next_at          INTEGER,
    next_text        TEXT,
    -- The same in English, where a rule set it.
    next_text_en     TEXT,
    -- When that was agreed: entering a lost stage ends what was agreed before.
    next_said_at     INTEGER,
    erased           INTEGER NOT NULL,
    -- What else is known, as JSON; what lists filter by stands in columns of its own.
    profile          TEXT    NOT NULL,
    industry         TEXT,
    region           TEXT,
    service_type     TEXT,
    company_size     TEXT,
    -- When and from where the customer came in as a lead again, as JSON.
    touches          TEXT    NOT NULL,
    merged_into      BLOB,
    withdrawn        INTEGER NOT NULL,
    -- Documents by reference, as JSON.
    documents        TEXT    NOT NULL,
    grace_until      INTEGER,
    -- What was sent to the customer, as JSON.
    contents         TEXT    NOT NULL,
    -- Whom it was marked as different from, and where in the log, as JSON.
    distinct_from    TEXT    NOT NULL,
    -- Where its name or a contact was said last.
    looks_since      INTEGER NOT NULL,
    -- Name and id in another system, folded for searches, and the keys of contacts, each in lines of its own.
    search_text      TEXT    NOT NULL,
    search_contacts  TEXT    NOT NULL,
    -- Where it stands where the most valuable come first: by tier, those without one last, then by amount, the largest first.
    tier_order       TEXT    NOT NULL,
    value_order      BIGINT  NOT NULL,
    at_risk          INTEGER NOT NULL,
    -- Since when its attributes have their values, as JSON, and the latest instant from which on it was like something.
    valid_times      TEXT    NOT NULL,
    tracked_until    BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS board_customer_created
    ON board_customer (tenant_id, generation, created_position);
CREATE INDEX IF NOT EXISTS board_customer_external
    ON board_customer (tenant_id, generation, external_id);
CREATE INDEX IF NOT EXISTS board_customer_owner
    ON board_customer (tenant_id, generation, owner_kind, owner_id, created_position);
CREATE INDEX IF NOT EXISTS board_customer_value
    ON board_customer (tenant_id, generation, tier_order, value_order, created_position);

CREATE TABLE IF NOT EXISTS board_tag (
    tenant_id  BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    tag        TEXT    NOT NULL,
    customer   BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, generation, tag, customer)
) WITHOUT ROWID;

-- What customers that look alike are found by: pairs of signs and words of names, and domains. Personal; an erasure
-- takes them away.
CREATE TABLE IF NOT EXISTS board_gram (
    tenant_id  BLOB    NOT NULL,
    generation INTEGER NOT NULL,
    gram       TEXT    NOT NULL,
    customer   BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, generation, gram, customer)
) WITHOUT ROWID;

-- Where each journey stands now.
CREATE TABLE IF NOT EXISTS board_card (
    tenant_id        BLOB    NOT NULL,
    generation       INTEGER NOT NULL,
    customer         BLOB    NOT NULL,
    pipeline         TEXT    NOT NULL,
    pipeline_version INTEGER NOT NULL,
    cycle            INTEGER NOT NULL,
    stage            TEXT    NOT NULL,
    sub_status       TEXT,
    entered_at       INTEGER NOT NULL,
    -- The last record, which may be a repeat, and the last one that was not entered late.
    last_at          INTEGER NOT NULL,
    last_position    INTEGER NOT NULL,
    moved_position   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, pipeline)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS board_card_stage
    ON board_card (tenant_id, generation, pipeline, stage, entered_at, customer);

-- What customers were like from an instant on, of what boards and filters look at, never personal. A change adds a row for its
-- own instant and, where it was recorded late, one for each later instant at which it makes a difference.
CREATE TABLE IF NOT EXISTS board_past (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    customer     BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    owner_kind   TEXT    NOT NULL,
    owner_id     TEXT    NOT NULL,
    tier         TEXT,
    amount       TEXT,
    currency     TEXT,
    source       TEXT,
    channel      TEXT,
    tags         TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    merged       INTEGER NOT NULL,
    industry     TEXT,
    region       TEXT,
    company_size TEXT,
    -- The local day until which the deal was put off, as YYYY-MM-DD.
    postponed_until TEXT,
    -- The last day of the contract, as YYYY-MM-DD, and what a deal won in part has brought.
    contract_end TEXT,
    won_amount   TEXT,
    won_currency TEXT,
    -- The sub-status of each journey that has one, as JSON.
    sub_statuses     TEXT    NOT NULL,
    -- The day on which the deal is expected to close and the one said first, as YYYY-MM-DD, and how often it was put off.
    expected_close TEXT,
    close_original TEXT,
    close_pushes INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, position, effective_at)
) WITHOUT ROWID;

-- When and from where customers came in as leads again.
CREATE TABLE IF NOT EXISTS board_touch (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    customer     BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    source       TEXT,
    channel      TEXT,
    PRIMARY KEY (tenant_id, generation, customer, position)
) WITHOUT ROWID;

-- What customers bought and earned. Amounts as texts, in decimals.
CREATE TABLE IF NOT EXISTS board_purchase (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    customer     BLOB    NOT NULL,
    position     INTEGER NOT NULL,
    event        BLOB    NOT NULL,
    effective_at INTEGER NOT NULL,
    -- A kind of transaction, a kind of entry of points, voided, absorbed or unmerged.
    kind         TEXT    NOT NULL,
    reference    TEXT,
    amount       TEXT,
    currency     TEXT,
    points       INTEGER NOT NULL,
    reward       TEXT,
    -- The transaction that is voided, the customer that was referred, absorbed or is its own again.
    other        BLOB,
    actor        TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, generation, customer, position)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS board_purchase_other
    ON board_purchase (tenant_id, generation, other);

-- Requests for moves that need approval, and proposals of agents (those with a command). No texts: they stay sealed in the log.
CREATE TABLE IF NOT EXISTS board_approval (
    tenant_id    BLOB    NOT NULL,
    generation   INTEGER NOT NULL,
    approval     BLOB    NOT NULL,
    customer     BLOB    NOT NULL,
    pipeline     TEXT    NOT NULL,
    stage_from   TEXT    NOT NULL,
    stage_to     TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    requested_by TEXT    NOT NULL,
    requested_at INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    roles        TEXT    NOT NULL,
    settled_by   TEXT,
    settled_at   INTEGER,
    position     INTEGER NOT NULL,
    command      TEXT,
    agent        TEXT,
    model        TEXT,
    model_version TEXT,
    PRIMARY KEY (tenant_id, generation, approval)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS board_approval_position ON board_approval (tenant_id, generation, position);
CREATE INDEX IF NOT EXISTS board_approval_status ON board_approval (tenant_id, generation, status, expires_at);
