//! Somebody edits the database file behind the service's back: `verify` says so, and where.

#![cfg(test)]

mod chance;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use waymark_tests::{Installation, repository};

/// Exit codes of `waymark verify`.
const SOUND: i32 = 0;
const TAMPERED: i32 = 1;
const FORKED: i32 = 2;
const BAD_SIGNATURE: i32 = 3;
const INCOMPLETE: i32 = 4;
const NOT_CHECKED: i32 = 5;
const READ_MODEL_DIFFERS: i32 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_log_is_sound() {
    let installation = history().await;
    let (code, report) = installation.verify();
    assert_eq!(code, SOUND, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_of_one_entry_is_found_at_its_position() {
    for position in [1, 7, 20] {
        let installation = history().await;
        let change = format!(
            "UPDATE event SET entry = CAST(replace(CAST(entry AS TEXT), '\"actor\":\"', '\"actor\":\"x') AS BLOB)
             WHERE position = {position}"
        );
        tamper(&installation, &change).await;
        assert_tampered_at(&installation, position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_entry_with_its_hash_recomputed_row_by_row_is_still_found() {
    // An intruder who knows how leaves are hashed can make one row consistent; the root over all rows betrays it.
    let installation = history().await;
    let copy = "UPDATE event SET (entry, leaf_hash) =
                    (SELECT other.entry, other.leaf_hash FROM event other WHERE other.position = 6)
                WHERE position = 7";
    tamper(&installation, copy).await;
    assert_tampered_at(&installation, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_row_is_found_at_its_position() {
    for position in [1, 9] {
        let installation = history().await;
        tamper(&installation, &format!("DELETE FROM event WHERE position = {position}")).await;
        assert_tampered_at(&installation, position);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_tail_is_found() {
    let installation = history().await;
    tamper(&installation, "DELETE FROM event WHERE position = (SELECT max(position) FROM event)").await;
    let (code, report) = installation.verify();
    assert_eq!(code, TAMPERED, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rows_in_exchanged_places_are_found_at_the_first_of_them() {
    let installation = history().await;
    let steps = [
        "UPDATE event SET position = 1000000 WHERE position = 5",
        "UPDATE event SET position = 5 WHERE position = 8",
        "UPDATE event SET position = 8 WHERE position = 1000000",
    ];
    for step in steps {
        tamper(&installation, step).await;
    }
    assert_tampered_at(&installation, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_instant_of_recording_is_found() {
    let installation = history().await;
    tamper(&installation, "UPDATE event SET recorded_at = recorded_at - 3600000000 WHERE position = 6").await;
    assert_tampered_at(&installation, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_taken_from_the_index_is_found() {
    let installation = history().await;
    tamper(&installation, "DELETE FROM event_tag WHERE position = 4 AND tag LIKE 'customer:%'").await;
    assert_tampered_at(&installation, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_rolled_back_to_an_earlier_copy_is_incomplete_and_is_not_served() {
    let installation = history().await;
    let copy = copy_of(&installation).await;
    write(&installation, 5).await;
    assert_eq!(installation.verify().0, SOUND);

    put_back(&installation, &copy).await;
    let (code, report) = installation.verify();
    assert_eq!(code, INCOMPLETE, "{report}");
    let refused = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("rolled back"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_that_was_lived_otherwise_after_a_roll_back_is_a_fork() {
    let installation = history().await;
    let checkpoint = installation.directory().join("waymark.db.checkpoint");
    let copy = copy_of(&installation).await;
    write(&installation, 5).await;
    let signed = std::fs::read(&checkpoint).expect("an auditor keeps it");

    // The intruder puts the old copy back, hides what was signed since, and goes on differently.
    put_back(&installation, &copy).await;
    std::fs::remove_file(&checkpoint).expect("it can be hidden");
    write(&installation, 8).await;
    assert_eq!(
        installation.verify().0,
        SOUND,
        "without what was signed the new story cannot be told from the old"
    );

    std::fs::write(&checkpoint, signed).expect("the auditor brings it back");
    let (code, report) = installation.verify();
    assert_eq!(code, FORKED, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_signed_by_somebody_else_is_a_bad_signature() {
    let installation = history().await;
    assert_eq!(installation.verify().0, SOUND);
    let forge = "UPDATE checkpoint SET note = replace(note, substr(note, -12, 4), 'AAAA')";
    tamper(&installation, forge).await;
    let (code, report) = installation.verify();
    assert_eq!(code, BAD_SIGNATURE, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_of_a_read_model_is_found_left_alone_by_verify_and_mended_by_a_rebuild() {
    let installation = history().await;
    // A check folds nothing into the database, and the service may have stopped before it had folded everything.
    let folded = installation.run(&["rebuild"]);
    assert_eq!(folded.code, 0, "{}", folded.said());
    assert_eq!(installation.verify().0, SOUND);
    let views = format!("sqlite:{}", installation.views_file().display());
    tamper_with(&views, "UPDATE timeline_row SET actor = 'rep:nobody' WHERE position = (SELECT max(position) FROM timeline_row)").await;
    for _ in 0..2 {
        let (code, report) = installation.verify();
        assert_eq!(code, READ_MODEL_DIFFERS, "{report}");
        assert!(report.contains("timeline") && report.contains("rebuild the read model"), "{report}");
    }
    let rebuilt = installation.run(&["rebuild", "timeline"]);
    assert_eq!(rebuilt.code, 3, "{}", rebuilt.said());
    assert!(rebuilt.said().contains("1 of the rows that served were wrong"), "{}", rebuilt.said());
    let again = installation.run(&["rebuild", "timeline"]);
    assert!(again.succeeded().contains("were correct"));
    assert_eq!(installation.verify().0, SOUND);
}

#[test]
fn what_may_not_make_a_database_makes_none_and_says_so_by_its_exit_code() {
    for installation in [Some(Installation::on_sqlite()), Installation::on_postgres()].into_iter().flatten() {
        let commands: [&[&str]; 7] = [
            &["verify"],
            &["doctor"],
            &["rebuild"],
            &["token", "create", "--actor", "rep:li", "--role", "rep"],
            &["backup", "copy.db"],
            &["pipeline", "publish", "absent.json", "--key", "k"],
            &["copy", "--from", &installation.database(), "--to", "sqlite:other.db"],
        ];
        for command in commands {
            let sqlite_alone = command[0] == "backup" && installation.postgres().is_some();
            let ran =
                if command[0] == "copy" { installation.program(command) } else { installation.run(command) };
            let expected = if sqlite_alone { 2 } else { NOT_CHECKED };
            assert_eq!(ran.code, expected, "{command:?}: {}", ran.said());
            let made = std::fs::read_dir(installation.directory()).expect("it can be read").count();
            assert_eq!(made, 0, "{command:?} left files");
        }
        // A tenant that is not there is not made either, until it is said to be.
        let _ = installation.run(&["migrate"]).succeeded();
        let unknown =
            installation.run(&["token", "create", "--tenant", "acme", "--actor", "rep:li", "--role", "rep"]);
        assert_eq!(unknown.code, NOT_CHECKED, "{}", unknown.said());
        assert_eq!(installation.run(&["verify", "--tenant", "acme"]).code, NOT_CHECKED);
        let _ = installation.run(&["migrate", "--tenant", "acme"]).succeeded();
        assert_eq!(installation.run(&["verify", "--tenant", "acme"]).code, SOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_key_alone_checks_the_log_and_what_is_left_out_is_said() {
    let installation = history().await;
    let keys = installation.directory().join("waymark.db.keys");
    let away = installation.directory().join("away");
    std::fs::rename(&keys, &away).expect("keys can be put away");
    let (code, report) = installation.verify();
    assert_eq!(code, SOUND, "{report}");
    assert!(report.contains("not compared") && report.contains("read models"), "{report}");
    assert!(!keys.exists(), "nothing was made");

    // Kept elsewhere, the key is given by hand; that of another installation checks nothing.
    let public = installation.directory().join("waymark.db.pub");
    let key = std::fs::read_to_string(&public).expect("it was written beside the database");
    std::fs::remove_file(&public).expect("it can be removed");
    assert_eq!(installation.verify().0, NOT_CHECKED);
    assert_eq!(installation.run(&["verify", "--public-key", key.trim()]).code, SOUND);
    let other = Installation::on_sqlite();
    let _ = other.run(&["migrate"]).succeeded();
    let others = other.directory().join("waymark.db.pub").display().to_string();
    assert_eq!(installation.run(&["verify", "--public-key", &others]).code, BAD_SIGNATURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_runs_beside_the_service_and_beside_itself_and_changes_nothing() {
    let Installations { sqlite, postgres } = Installations::new().await;
    for installation in [Some(sqlite), postgres].into_iter().flatten() {
        let server = installation.serve();
        let admin = server.admin();
        let customer = admin.register(json!({"pipeline": "landian-6", "name": "Beside"})).await;
        let before = generations(&admin).await;
        std::thread::scope(|scope| {
            let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| installation.verify())).collect();
            for run in runs {
                let (code, report) = run.join().expect("it ends");
                assert_eq!(code, SOUND, "{report}");
            }
        });
        let noted = admin.command(&customer, "notes", json!({"text": "after"})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
        assert_eq!(generations(&admin).await, before, "no generation was made");
        assert_eq!(server.stop(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_killed_at_once_has_a_signed_checkpoint_already() {
    let installation = Installation::on_sqlite();
    let server = installation.serve();
    assert_eq!(server.admin().create_pipeline("landian-6").await.status, 201);
    server.kill();
    assert_eq!(installation.verify().0, SOUND);
    tamper(&installation, "DELETE FROM checkpoint").await;
    let _ = std::fs::remove_file(installation.checkpoint_file());
    let (code, report) = installation.verify();
    assert_eq!(code, INCOMPLETE, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_telephone_taken_from_the_index_is_found_and_put_back() {
    let installation = history().await;
    let server = installation.serve();
    let contact = json!({"kind": "phone", "value": "+8613900001111"});
    let body = json!({"pipeline": "landian-6", "name": "Known", "contacts": [contact]});
    let _ = server.admin().register(body.clone()).await;
    assert_eq!(server.stop(), 0);
    tamper(&installation, "DELETE FROM event_tag WHERE blind_subject IS NOT NULL").await;
    let (code, report) = installation.verify();
    assert_eq!(code, TAMPERED, "{report}");
    assert!(report.contains("blind tag"), "{report}");
    let mended = installation.run(&["rebuild", "tags"]);
    assert_eq!(mended.code, 3, "{}", mended.said());
    assert!(mended.said().contains("missing tags restored: 1"), "{}", mended.said());
    assert!(installation.run(&["rebuild", "tags"]).succeeded().contains("missing tags restored: 0"));
    assert_eq!(installation.verify().0, SOUND);
    let server = installation.serve();
    let again = server.admin().post("/v1/customers", body).await;
    assert_eq!(again.status, 409, "{}", again.text);
    assert_eq!(server.stop(), 0);
}

/// Which generation of each read model serves.
async fn generations(client: &waymark_tests::Client) -> String {
    let status = client.get("/v1/projections").await;
    let items = status.body["items"].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| format!("{} {};", item["name"], item["generation"])).collect()
}

/// Filled installations on both engines.
struct Installations {
    sqlite: Installation,
    postgres: Option<Installation>,
}

impl Installations {
    async fn new() -> Self {
        let postgres = Installation::on_postgres();
        if let Some(installation) = &postgres {
            fill(installation).await;
        }
        Self { sqlite: history().await, postgres }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_database_administrator_changes_on_postgres_is_found_at_its_position() {
    let changes = [
        ("UPDATE event SET entry = set_byte(entry, 40, get_byte(entry, 40) # 1) WHERE position = 7", 7),
        ("DELETE FROM event WHERE position = 9", 9),
        ("UPDATE event SET recorded_at = recorded_at - 3600000000 WHERE position = 6", 6),
        ("DELETE FROM event_tag WHERE position = 4 AND tag LIKE 'customer:%'", 4),
    ];
    for (change, position) in changes {
        let Some(installation) = Installation::on_postgres() else { return };
        fill(&installation).await;
        assert_eq!(installation.verify().0, SOUND);
        let database = installation.postgres().expect("it is on PostgreSQL");
        assert!(database.execute(change) > 0, "nothing was tampered with by {change}");
        assert_tampered_at(&installation, position);
    }
}

/// A column of a table, as the database describes it.
#[derive(Debug, Clone)]
struct Column {
    /// With the schema, where there are several.
    table: String,
    name: String,
    type_name: String,
    in_key: bool,
}

/// A database with everything that a service writes into it, closed, and a way back to how it was.
struct Original {
    installation: Installation,
    columns: Vec<Column>,
    file: Vec<u8>,
}

/// Every column of every table of the log's database, the read models aside: those are compared by folding again.
const SQLITE_COLUMNS: &str = "SELECT m.name || ' ' || c.name || ' ' || c.pk || ' ' || c.type FROM sqlite_master AS m \
    JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid";
const POSTGRES_COLUMNS: &str = "SELECT c.table_schema || '.' || c.table_name || ' ' || c.column_name || ' ' || \
    (SELECT count(*) FROM information_schema.key_column_usage AS k JOIN information_schema.table_constraints AS t \
        USING (constraint_schema, constraint_name) WHERE t.constraint_type = 'PRIMARY KEY' \
        AND k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name) \
    || ' ' || c.data_type FROM information_schema.columns AS c JOIN information_schema.tables AS t \
    USING (table_schema, table_name) WHERE t.table_type = 'BASE TABLE' \
    AND c.table_schema IN ('public', 'admin', 'outbound') ORDER BY 1";

async fn texts(installation: &Installation, sqlite: &str, postgres: &str) -> Vec<String> {
    match installation.postgres() {
        Some(database) => {
            let mut database = PgConnection::connect(&database.url()).await.expect("the database opens");
            let found = sqlx::query_scalar(AssertSqlSafe(postgres.to_owned())).fetch_all(&mut database).await;
            database.close().await.expect("the database closes");
            found.expect(postgres)
        }
        None => {
            let mut database =
                SqliteConnection::connect(&installation.database()).await.expect("the database opens");
            let found = sqlx::query_scalar(AssertSqlSafe(sqlite.to_owned())).fetch_all(&mut database).await;
            database.close().await.expect("the database closes");
            found.expect(sqlite)
        }
    }
}

/// Columns as the statements above tell of them.
fn columns_of(lines: Vec<String>) -> Vec<Column> {
    let column = |line: String| {
        let mut words = line.splitn(4, ' ').map(str::to_owned);
        let mut next = || words.next().expect("four words");
        let (table, name, place, type_name) = (next(), next(), next(), next());
        Column { table, name, type_name, in_key: place != "0" }
    };
    lines.into_iter().map(column).collect()
}

impl Original {
    async fn new(installation: Installation) -> Self {
        everything(&installation).await;
        let columns = columns_of(texts(&installation, SQLITE_COLUMNS, POSTGRES_COLUMNS).await);
        let mut file = Vec::new();
        match installation.postgres() {
            Some(database) => {
                let _ = database.execute("CREATE SCHEMA kept");
                for table in tables(&columns) {
                    let kept = table.replace('.', "_");
                    let _ = database.execute(&format!("CREATE TABLE kept.{kept} AS TABLE {table}"));
                }
            }
            None => file = copy_of(&installation).await,
        }
        Self { installation, columns, file }
    }

    /// The table as it was, or the whole file.
    async fn put_back(&self, table: &str) {
        match self.installation.postgres() {
            Some(database) => {
                let kept = table.replace('.', "_");
                let back = format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{kept}");
                let _ = database.execute(&back);
            }
            None => put_back(&self.installation, &self.file).await,
        }
    }

    /// The first row of a table by its key, or the last one.
    fn place(&self, table: &str, is_last: bool) -> String {
        let of_table = self.columns.iter().filter(|column| column.table == table && column.in_key);
        let key = of_table.map(|column| column.name.as_str()).collect::<Vec<_>>();
        let order = if is_last {
            key.iter().map(|name| format!("{name} DESC")).collect()
        } else {
            key.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()
        };
        let key = key.join(", ");
        format!("({key}) = (SELECT {key} FROM {table} ORDER BY {} LIMIT 1)", order.join(", "))
    }

    /// Changes something, and says whether `waymark verify` finds it; none where the database does not take the change.
    async fn is_found(&self, table: &str, statement: &str) -> Option<bool> {
        let done = match self.installation.postgres() {
            Some(database) => {
                let mut database = PgConnection::connect(&database.url()).await.expect("the database opens");
                let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut database).await;
                database.close().await.expect("the database closes");
                done.map(|done| done.rows_affected())
            }
            None => {
                let database = self.installation.database();
                let mut database = SqliteConnection::connect(&database).await.expect("the database opens");
                let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut database).await;
                database.close().await.expect("the database closes");
                done.map(|done| done.rows_affected())
            }
        };
        if !done.is_ok_and(|rows| rows > 0) {
            return None;
        }
        let ran = self.installation.run(&["verify", "--log-only"]);
        self.put_back(table).await;
        Some(ran.code != SOUND)
    }
}

fn tables(columns: &[Column]) -> BTreeSet<&str> {
    columns.iter().map(|column| column.table.as_str()).collect()
}

/// Another value that a column could have, as SQL.
fn another(column: &Column) -> String {
    let name = &column.name;
    // The next one of a key may be there already.
    let more = if column.in_key { 1_000_000 } else { 1 };
    match column.type_name.as_str() {
        "uuid" => format!(
            "CASE WHEN {name} = '00000000-0000-7000-8000-000000000007' THEN '00000000-0000-7000-8000-000000000008' \
             ELSE '00000000-0000-7000-8000-000000000007' END::uuid"
        ),
        "bytea" => format!(
            "CASE WHEN coalesce(length({name}), 0) = 0 THEN '\\x07' \
             ELSE set_byte({name}, length({name}) / 2, get_byte({name}, length({name}) / 2) # 1) END"
        ),
        "boolean" => format!("NOT {name}"),
        "bigint" | "integer" => format!("coalesce({name} + {more}, 1)"),
        "text" => format!("coalesce({name} || 'x', 'x')"),
        _ => format!(
            "CASE typeof({name}) WHEN 'integer' THEN {name} + {more} WHEN 'text' THEN {name} || 'x' \
             WHEN 'blob' THEN unhex(CASE WHEN hex({name}) LIKE '%7' THEN substr('07' || hex({name}), 3 - 2 * (length({name}) = 0), max(0, 2 * length({name}) - 1)) || '8' \
                 ELSE substr(hex({name}), 1, max(0, 2 * length({name}) - 1)) || CASE WHEN length({name}) = 0 THEN '07' ELSE '7' END END) \
             ELSE {} END",
            if column.type_name.starts_with("INT") {
                "1"
            } else if column.type_name == "TEXT" {
                "'x'"
            } else {
                "x'07'"
            }
        ),
    }
}

/// What docs/operations.md says may be changed unnoticed: columns, and tables of which a row may be gone.
fn said_to_be_harmless() -> BTreeSet<String> {
    let text = std::fs::read_to_string(repository().join("docs/operations.md")).expect("the file is there");
    let (_, section) = text.split_once("**What a change would not be noticed by").expect("the heading");
    let (section, _) = section.split_once("\nTamper-evident").expect("what follows");
    let columns = section.split('`').skip(1).step_by(2).filter(|name| name.contains('.'));
    let rows = section.split("a row of `").skip(1).filter_map(|rest| rest.split('`').next());
    columns.chain(rows).map(str::to_owned).collect()
}

/// A log of more than a tile, with every table of the log's database in use.
async fn everything(installation: &Installation) {
    let server = installation.serve();
    let admin = server.admin();
    assert_eq!(admin.create_pipeline("landian-6").await.status, 201);
    let hook = json!({"url": "https://erp.example/hook", "types": ["customer.noted"]});
    drop(admin.post("/v1/webhooks", hook).await.expect(201));
    let follower = json!({"name": "warehouse", "start": {"position": 0}});
    drop(admin.post("/v1/consumers", follower).await.expect(201));
    drop(admin.post("/v1/consumers/warehouse/acknowledgements", json!({"position": 2})).await.expect(200));
    let session = admin.post("/v1/sessions", json!({"code": admin.key()})).await.expect(201);
    drop(server.with_key(&session.text_at("/session")).get("/v1/me").await.expect(200));
    drop(admin.post("/v1/admin/members", json!({"actor": "rep:li", "roles": ["rep"]})).await.expect(200));
    let key = admin.post("/v1/admin/keys", json!({"actor": "rep:sun", "roles": ["rep"]})).await.expect(201);
    let revoked = admin.call(Method::DELETE, &format!("/v1/admin/keys/{}", key.text_at("/id")));
    drop(revoked.send().await.expect(204));
    let contact = json!({"kind": "phone", "value": "+8613900001111"});
    let named = json!({"pipeline": "landian-6", "name": "Harbour Foods", "contacts": [contact]});
    let customer = admin.register(named).await;
    let erased = admin.register(json!({"pipeline": "landian-6", "name": "Gone"})).await;
    drop(admin.command(&erased, "erasure", json!({})).await.expect(200));
    for (key, body) in [("taken", json!({"text": "once"})), ("refused", json!({"text": ""}))] {
        let call = admin.call(Method::POST, &format!("/v1/customers/{customer}/notes"));
        let told = call.header("Idempotency-Key", key).json(&body).send().await;
        assert_eq!(told.status, if key == "taken" { 200 } else { 422 }, "{}", told.text);
    }
    // A refusal of a rule, which is remembered under its key.
    let call = admin.call(Method::POST, &format!("/v1/customers/{erased}/notes"));
    let refused = call.header("Idempotency-Key", "0 refused").json(&json!({"text": "too late"})).send().await;
    assert!((400..500).contains(&refused.status), "{}", refused.text);
    let lines: String = (0..300)
        .map(|number| {
            let note = json!({"text": format!("note {number}")});
            format!("{}\n", json!({"command": "note", "customer_id": customer, "body": note}))
        })
        .collect();
    let noted = admin.call(Method::POST, "/v1/bulk").bytes("application/x-ndjson", lines).send().await;
    assert!(!noted.text.contains("problem"), "{}", noted.text);
    admin.caught_up().await;
    // The receiver is not there: what it was to be told waits.
    let waiting = |webhooks: &waymark_tests::Answer| {
        webhooks.items().iter().all(|one| one["position"].as_u64() > Some(300))
    };
    drop(admin.until("/v1/webhooks", waiting).await);
    assert_eq!(server.stop(), 0);
    let _ = installation.run(&["clock", "--agree"]).succeeded();
    assert_eq!(installation.run(&["verify", "--log-only"]).code, SOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_edit_of_each_column_of_the_logs_database_is_found_or_said_to_be_harmless() {
    let original = Original::new(Installation::new()).await;
    let mut unnoticed = BTreeSet::new();
    let bare = |table: &str| table.rsplit('.').next().unwrap_or(table).to_owned();
    for table in tables(&original.columns) {
        let count = format!("SELECT CAST(count(*) AS TEXT) FROM {table}");
        let count = texts(&original.installation, &count, &count).await;
        assert_ne!(count, ["0"], "{table} holds nothing here, so that nothing of it can be changed");
        for is_last in [false, true] {
            let place = original.place(table, is_last);
            let deleted = original.is_found(table, &format!("DELETE FROM {table} WHERE {place}")).await;
            if deleted == Some(false) {
                unnoticed.insert(bare(table));
            }
            for column in original.columns.iter().filter(|column| column.table == table) {
                let name = &column.name;
                let change = format!("UPDATE {table} SET {name} = {} WHERE {place}", another(column));
                let changed = original.is_found(table, &change).await;
                assert!(changed.is_some(), "nothing was changed by {change}");
                let emptied =
                    format!("UPDATE {table} SET {name} = NULL WHERE {place} AND {name} IS NOT NULL");
                let emptied = original.is_found(table, &emptied).await;
                if changed == Some(false) || emptied == Some(false) {
                    unnoticed.insert(format!("{}.{name}", bare(table)));
                }
            }
        }
    }
    let said = said_to_be_harmless();
    let names = original.columns.iter().map(|column| format!("{}.{}", bare(&column.table), column.name));
    let there: BTreeSet<String> = names.chain(tables(&original.columns).into_iter().map(bare)).collect();
    let is_said = |name: &String| {
        let all = name.split_once('.').map(|(table, _)| format!("{table}.*"));
        said.contains(name) || all.is_some_and(|all| said.contains(&all))
    };
    let named: BTreeSet<String> = there.into_iter().filter(|name| is_said(name)).collect();
    let unsaid: Vec<_> = unnoticed.difference(&named).collect();
    assert!(unsaid.is_empty(), "neither found nor in docs/operations.md: {unsaid:?}");
    // Of these some changes are found and some are not.
    let partly = ["log_head.indexed", "receipt.count", "receipt.first_position", "endpoint.former_until"];
    let found: Vec<_> =
        named.difference(&unnoticed).filter(|name| !partly.contains(&name.as_str())).collect();
    assert!(found.is_empty(), "docs/operations.md says that nobody would notice, and it is found: {found:?}");
}

/// A log of more than twenty events, closed properly.
async fn history() -> Installation {
    let installation = Installation::on_sqlite();
    fill(&installation).await;
    installation
}

async fn fill(installation: &Installation) {
    let server = installation.serve();
    assert_eq!(server.admin().create_pipeline("landian-6").await.status, 201);
    assert_eq!(server.stop(), 0);
    write(installation, 20).await;
}

/// Registers a customer and writes N notes about it.
async fn write(installation: &Installation, notes: usize) {
    let server = installation.serve();
    let admin = server.admin();
    let customer = admin.register(json!({"pipeline": "landian-6", "name": "Harbour Foods"})).await;
    for number in 0..notes {
        let noted = admin.command(&customer, "notes", json!({"text": format!("note {number}")})).await;
        assert_eq!(noted.status, 200, "{}", noted.text);
    }
    assert_eq!(server.stop(), 0);
}

/// The database as one file, with nothing left in its write-ahead log.
async fn copy_of(installation: &Installation) -> Vec<u8> {
    fold_in(installation).await;
    std::fs::read(installation.file()).expect("the database can be read")
}

async fn put_back(installation: &Installation, copy: &[u8]) {
    fold_in(installation).await;
    std::fs::write(installation.file(), copy).expect("the database can be replaced");
}

#[test]
fn a_command_line_that_is_not_understood_is_no_verdict() {
    let installation = Installation::new();
    for arguments in [&["verify", "--no-such-option"][..], &["verify", "--bundle", "evidence.tar.gz"]] {
        let ran = installation.program(arguments);
        assert_eq!(ran.code, 64, "{arguments:?}: {}", ran.said());
    }
    assert_eq!(installation.program(&["verify", "--help"]).code, 0);
}

async fn fold_in(installation: &Installation) {
    let mut database = SqliteConnection::connect(&installation.database()).await.expect("the database opens");
    let fold = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut database).await;
    fold.expect("nobody else has it open");
    database.close().await.expect("the database closes");
}

/// Runs a statement on the file, as an intruder with a database tool would.
async fn tamper(installation: &Installation, statement: &str) {
    tamper_with(&installation.database(), statement).await;
}

async fn tamper_with(database: &str, statement: &str) {
    let mut database = SqliteConnection::connect(database).await.expect("the database opens");
    sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut database).await.expect("the switch is there");
    let done =
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut database).await.expect(statement);
    assert!(done.rows_affected() > 0, "nothing was tampered with by {statement}");
    database.close().await.expect("the database closes");
}

#[track_caller]
fn assert_tampered_at(installation: &Installation, position: u64) {
    let (code, report) = installation.verify();
    assert_eq!(code, TAMPERED, "{report}");
    assert!(report.contains(&format!("first bad position is {position}:")), "not at {position}: {report}");
}
