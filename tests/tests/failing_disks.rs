//! Disks that are full or fail, and files that are damaged, under a server that goes on or says why it cannot.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use waymark_tests::{Answer, Client, Installation, Server, Writer, assert_nothing_lost_or_doubled};

/// The exit code of a server whose log stopped.
const LOG_STOPPED: i32 = 7;

/// The exit code of a check that finds the log sound and a read model not.
const READ_MODEL_DIFFERS: i32 = 6;

/// Has each of the writers send what it has not sent, until that is recorded.
async fn recorded(writers: &mut [Writer], client: &Client) {
    for writer in writers {
        while !writer.send(client).await.expect("the server serves") {}
    }
}

/// Has the writers write until one is told that nothing can be recorded.
async fn written_until_refused(writers: &mut [Writer], client: &Client) {
    loop {
        for writer in &mut *writers {
            if !writer.send(client).await.unwrap_or(false) {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_ends_the_server_with_a_code_of_its_own_and_loses_nothing() {
    let installation = Installation::on_sqlite();
    let key = installation.key("manager:wang", &["manager"]);
    let mut writers = Writer::hire(&installation, 3).await;
    let server = installation.serve_with_small_files(1_500);
    loop {
        written_until_refused(&mut writers, &server.with_key(&key)).await;
        // The caller before the process has ended is told that it is not ready.
        match server.anon().call(Method::GET, "/readyz").try_send().await {
            Ok(ready) if ready.status == 200 => {}
            Ok(ready) => break assert_eq!(ready.status, 503, "{}", ready.text),
            Err(_) => break,
        }
    }
    assert_eq!(server.ended(), LOG_STOPPED);

    let server = installation.serve();
    let client = server.with_key(&key);
    recorded(&mut writers, &client).await;
    assert_nothing_lost_or_doubled(&client.events_after(0).await, &writers);
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

/// A small disk of its own, unmounted when dropped; none where this user may not mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: only root may mount a small disk");
        }
        mounted.then_some(Self(folder))
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.0.path().join("ballast")).expect("a file");
        while ballast.write_all(&[0; 4_096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.path().join("ballast")).expect("the file is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Fails only where it is gone already.
        Command::new("umount").arg("-l").arg(self.0.path()).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_makes_the_server_unready_and_it_goes_on_by_itself_once_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let installation = Installation::within(disk.0.path());
    let key = installation.key("manager:wang", &["manager"]);
    let mut writers = Writer::hire(&installation, 3).await;
    let server = installation.serve();
    let client = server.with_key(&key);
    for _ in 0..2 {
        disk.fill();
        written_until_refused(&mut writers, &client).await;
        let unready = server.anon().until("/readyz", |ready| ready.status == 503).await;
        drop(unready.refused(503, "log-not-writable"));
        let metrics = server.anon().get("/metrics").await.text;
        assert!(metrics.contains("waymark_log_writable 0"), "{metrics}");
        disk.empty();
        server.anon().until("/readyz", |ready| ready.status == 200).await;
        recorded(&mut writers, &client).await;
        server.admin().caught_up().await;
    }
    assert_nothing_lost_or_doubled(&client.events_after(0).await, &writers);
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

/// Overwrites a part of a file in place, as a disk does.
fn overwrite(file: &Path, at: u64, length: usize) {
    let mut file = std::fs::OpenOptions::new().write(true).open(file).expect("the file is there");
    file.seek(SeekFrom::Start(at)).expect("it is as long");
    let rubbish: Vec<u8> = (0..length).map(|byte| (byte * 131 % 251) as u8).collect();
    file.write_all(&rubbish).expect("it can be written");
}

fn counts(board: &Value) -> Vec<Value> {
    let stages = board["stages"].as_array().expect("stages");
    stages.iter().map(|stage| json!([stage["stage"], stage["count"]])).collect()
}

/// Damages everything that the read models stand in: the header, every page, and what is ahead of the file.
fn damage(installation: &Installation) {
    let ahead = installation.directory().join("waymark.db.views-wal");
    for file in [installation.views_file(), ahead] {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        if length > 0 {
            overwrite(&file, 0, usize::try_from(length).expect("it fits"));
        }
    }
}

/// Waits until the file was put aside and the board is answered from a new one; it is never answered wrong meanwhile.
async fn heals(server: &Server, board: &str, right: &[Value], aside: &Path) {
    server
        .admin()
        .until(board, |answer| match answer.status {
            200 => {
                assert_eq!(counts(&answer.body), right);
                aside.exists()
            }
            503 => false,
            _ => panic!("{}", answer.text),
        })
        .await;
    server.admin().caught_up().await;
    server.anon().until("/readyz", |ready| ready.status == 200).await;
    std::fs::remove_file(aside).expect("it was put aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_of_read_models_is_replaced_while_the_server_runs_and_when_it_starts() {
    let installation = Installation::on_sqlite();
    let aside = installation.directory().join("waymark.db.views.damaged");
    let server = installation.serve();
    drop(server.admin().create_pipeline("helloword-13").await.expect(201));
    for number in 0..100 {
        server
            .admin()
            .register(json!({"pipeline": "helloword-13", "name": format!("Customer {number}")}))
            .await;
    }
    let board = format!("/v1/boards/helloword-13?min_position={}&wait_ms=10000", server.admin().head().await);
    let right = counts(&server.admin().get(&board).await.expect(200).body);
    damage(&installation);
    heals(&server, &board, &right, &aside).await;
    assert_eq!(server.stop(), 0);

    damage(&installation);
    let server = installation.serve();
    heals(&server, &board, &right, &aside).await;
    assert_eq!(server.stop(), 0);

    // A check says that the log is sound and the read models are not, and leaves them as they are.
    damage(&installation);
    for _ in 0..2 {
        let (code, report) = installation.verify();
        assert_eq!(code, READ_MODEL_DIFFERS, "{report}");
        assert!(report.contains("waymark rebuild") || report.contains("rebuild the read model"), "{report}");
    }
    // The command line puts it aside as the server does.
    let rebuilt = installation.run(&["rebuild"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.said());
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

/// A figure of the metrics by its name with its labels; zero where nothing was measured yet.
async fn metric(client: &Client, name: &str) -> f64 {
    let metrics = client.get("/metrics").await.expect(200);
    let value = metrics.text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0.0)
}

/// Runs statements where the read models stand, as somebody with a database tool would.
async fn in_the_read_models(installation: &Installation, statements: &[String]) {
    match installation.postgres() {
        Some(database) => {
            for statement in statements {
                let _ = database.execute(&format!(
                    "DO $do$ BEGIN
                       PERFORM set_config('search_path', (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n
                           ON n.oid = c.relnamespace WHERE c.relname = 'projection_checkpoint'), true);
                       {statement};
                     END $do$"
                ));
            }
        }
        None => {
            let file = format!("sqlite:{}", installation.views_file().display());
            let mut file = SqliteConnection::connect(&file).await.expect("the file");
            for statement in statements {
                sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut file).await.expect(statement);
            }
            file.close().await.expect("closed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_that_has_nothing_to_serve_is_told_by_readiness_a_metric_and_the_doctor() {
    let installation = Installation::new();
    let server = installation.serve();
    drop(server.admin().create_pipeline("helloword-13").await.expect(201));
    for number in 0..5 {
        server
            .admin()
            .register(json!({"pipeline": "helloword-13", "name": format!("Customer {number}")}))
            .await;
    }
    let dwell = format!("/v1/dwell/helloword-13?min_position={}&wait_ms=20000", server.admin().head().await);
    let visits = |dwell: &Value| -> Vec<Value> {
        let stages = dwell["stages"].as_array().expect("stages");
        stages.iter().map(|stage| json!([stage["stage"], stage["visits"]])).collect()
    };
    let right = visits(&server.admin().get(&dwell).await.expect(200).body);
    server.admin().caught_up().await;
    assert_eq!(server.stop(), 0);

    // What serves is gone, and nothing can be put in its place.
    let refusing = if installation.postgres().is_some() {
        [
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN RAISE EXCEPTION ''no room''; END'"
                .to_owned(),
            "CREATE TRIGGER refused BEFORE INSERT OR UPDATE ON projection_checkpoint FOR EACH ROW \
             WHEN (NEW.projection = 'dwell') EXECUTE FUNCTION refuse()"
                .to_owned(),
        ]
    } else {
        ["INSERT", "UPDATE"].map(|change| {
            format!(
                "CREATE TRIGGER refused_{change} BEFORE {change} ON projection_checkpoint \
                 WHEN NEW.projection = 'dwell' BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        })
    };
    let gone = "DELETE FROM projection_checkpoint WHERE projection = 'dwell'".to_owned();
    in_the_read_models(&installation, &[vec![gone], refusing.to_vec()].concat()).await;
    let server = installation.serve();
    let unready = server.anon().until("/readyz", |ready| ready.status == 503).await;
    let unready = unready.refused(503, "projection-unavailable");
    assert!(unready.text.contains("dwell"), "{}", unready.text);
    let unserved = "waymark_projection_unserved{projection=\"dwell\"}";
    assert!(metric(&server.anon(), unserved).await >= 1.0);
    drop(server.admin().get("/v1/dwell/helloword-13").await.refused(503, "projection-unavailable"));
    drop(server.admin().get("/v1/boards/helloword-13").await.expect(200));
    let examined = installation.run(&["doctor"]);
    assert_ne!(examined.code, 0, "{}", examined.said());
    assert!(examined.said().contains("dwell: answers nothing"), "{}", examined.said());

    // As soon as that can be, it is made again, by itself.
    let allowed = if installation.postgres().is_some() {
        vec!["DROP TRIGGER refused ON projection_checkpoint".to_owned()]
    } else {
        vec!["DROP TRIGGER refused_INSERT".to_owned(), "DROP TRIGGER refused_UPDATE".to_owned()]
    };
    in_the_read_models(&installation, &allowed).await;
    server.anon().until("/readyz", |ready| ready.status == 200).await;
    assert!(metric(&server.anon(), unserved).await < 1.0);
    server.admin().caught_up().await;
    assert_eq!(visits(&server.admin().get(&dwell).await.expect(200).body), right);
    let examined = installation.run(&["doctor"]);
    assert_eq!(examined.code, 0, "{}", examined.said());
    assert_eq!(server.stop(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_read_models_alone_stops_no_command_and_fills_no_log_of_the_program() {
    let Some(disk) = SmallDisk::new() else { return };
    let installation = Installation::on_sqlite();
    std::os::unix::fs::symlink(disk.0.path().join("views"), installation.views_file()).expect("a link");
    let server = installation.serve();
    let admin = server.admin();
    drop(admin.create_pipeline("helloword-13").await.expect(201));
    admin.caught_up().await;
    drop(server.lines());
    let text = "x".repeat(2_000);
    for round in 1..=2 {
        disk.fill();
        // The log has room: commands are carried out, and what shows them is late, and says so.
        let failures = || metric(&admin, "waymark_projection_failures_total{projection=\"timeline\"}");
        let before = failures().await;
        let customer =
            admin.register(json!({"pipeline": "helloword-13", "name": format!("Round {round}")})).await;
        while failures().await < before + 3.0 {
            drop(admin.command(&customer, "notes", json!({"text": text})).await.expect(200));
        }
        let status = admin.get("/v1/projections").await.expect(200).items();
        let timeline = status.iter().find(|one| one["name"] == "timeline").expect("it is listed");
        assert!(timeline["paused"].as_str().is_some_and(|why| why.contains("full")), "{timeline}");
        let ahead =
            format!("/v1/customers/{customer}/timeline?min_position={}&wait_ms=0", admin.head().await);
        drop(admin.get(&ahead).await.refused(503, "projection-behind"));
        disk.empty();
        admin.caught_up().await;
        drop(admin.get(&ahead).await.expect(200));
        drop(server.anon().call(Method::GET, "/readyz").send().await.expect(200));
    }
    // Each read model says once that it stands still, in whichever words its step ended, and once how often that was.
    let lines = server.lines();
    let saying = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    let failed = metric(&admin, "waymark_projection_failures_total{projection=\"timeline\"}").await;
    assert!(failed >= 6.0 && (2..=24).contains(&saying("a read model cannot go on")), "{failed} {lines:#?}");
    let told = lines.iter().filter(|line| line.contains("a read model goes on again"));
    // Colours may stand between the sign and the number.
    let times = told.filter_map(|line| {
        let plain: String =
            line.split('\u{1b}').map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect();
        let (_, rest) = plain.split_once("times=")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    assert!(times.max().is_some_and(|times| times > 1), "with a count: {lines:#?}");
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_without_room_makes_the_server_unready_and_it_goes_on_by_itself_once_there_is_some() {
    let Some(installation) = Installation::on_postgres() else { return };
    let database = installation.postgres().expect("it is on PostgreSQL");
    let mut writers = Writer::hire(&installation, 3).await;
    let server = installation.serve();
    let client = server.with_key(&installation.key("manager:wang", &["manager"]));
    recorded(&mut writers, &client).await;
    // What a server says that has no room: it refuses to write where logs end, and a trial write is one, too.
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                  $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$";
    let _ = database.execute(refuse);
    for _ in 0..2 {
        let _ =
            database.execute("CREATE TRIGGER refused BEFORE UPDATE ON log_head EXECUTE FUNCTION refuse()");
        written_until_refused(&mut writers, &client).await;
        let unready = server.anon().until("/readyz", |ready| ready.status == 503).await;
        drop(unready.refused(503, "log-not-writable"));
        assert!(metric(&server.anon(), "waymark_log_writable").await < 1.0);
        drop(server.anon().get("/healthz").await.expect(200));
        let _ = database.execute("DROP TRIGGER refused ON log_head");
        server.anon().until("/readyz", |ready| ready.status == 200).await;
        recorded(&mut writers, &client).await;
        server.admin().caught_up().await;
    }
    assert_nothing_lost_or_doubled(&client.events_after(0).await, &writers);
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}

const PAGE: usize = 4_096;

/// What a page of a SQLite file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PageClass {
    /// The first page, which says what tables there are.
    Schema,
    /// Of the list of tables, the only one with row ids; its first page is that of the schema.
    TableLeaf,
    IndexInterior,
    IndexLeaf,
    /// The rest of a long row.
    Overflow,
    /// Which pages are free.
    FreeTrunk,
    Free,
}

const CLASSES: [PageClass; 7] = [
    PageClass::Schema,
    PageClass::TableLeaf,
    PageClass::IndexInterior,
    PageClass::IndexLeaf,
    PageClass::Overflow,
    PageClass::FreeTrunk,
    PageClass::Free,
];

/// The pages of a file by their class, by the file format of SQLite.
fn pages(file: &[u8]) -> BTreeMap<PageClass, Vec<usize>> {
    let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut free, mut trunk) = (BTreeMap::new(), number(32));
    while trunk > 0 {
        let at = (trunk - 1) * PAGE;
        free.insert(trunk, PageClass::FreeTrunk);
        free.extend((0..number(at + 4)).map(|leaf| (number(at + 8 + 4 * leaf), PageClass::Free)));
        trunk = number(at);
    }
    let mut found: BTreeMap<PageClass, Vec<usize>> = BTreeMap::new();
    for (index, page) in file.chunks(PAGE).enumerate() {
        let class = match (index, free.get(&(index + 1)), page[0]) {
            (0, ..) => PageClass::Schema,
            (_, Some(class), _) => *class,
            (_, None, 13) => PageClass::TableLeaf,
            (_, None, 2) => PageClass::IndexInterior,
            (_, None, 10) => PageClass::IndexLeaf,
            (_, None, _) => PageClass::Overflow,
        };
        found.entry(class).or_default().push(index);
    }
    found
}

/// Overwrites all pages of a class, or one in the middle of them. The header of the file is damaged elsewhere.
async fn damage_pages(installation: &Installation, class: PageClass, all: bool) {
    let file = installation.views_file();
    let mut database =
        SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.expect("the file");
    let emptied = "PRAGMA wal_checkpoint(TRUNCATE)";
    while sqlx::query_scalar::<_, i64>(emptied).fetch_one(&mut database).await.expect(emptied) != 0 {}
    database.close().await.expect("closed");
    let found = pages(&std::fs::read(&file).expect("it can be read"));
    let of_class = found.get(&class).unwrap_or_else(|| panic!("no page of {class:?}: {found:?}"));
    let hit = if all { &of_class[..] } else { &of_class[of_class.len() / 2..=of_class.len() / 2] };
    for page in hit {
        let header = if *page == 0 { 100 } else { 0 };
        overwrite(&file, (page * PAGE + header) as u64, PAGE - header);
    }
}

async fn is_whole(installation: &Installation) -> bool {
    let file = format!("sqlite:{}?mode=ro", installation.views_file().display());
    let Ok(mut database) = SqliteConnection::connect(&file).await else { return false };
    let said = sqlx::query_scalar::<_, String>("PRAGMA integrity_check").fetch_one(&mut database).await;
    database.close().await.ok();
    said.is_ok_and(|said| said == "ok")
}

/// Asks until everything is answered right and the file is whole; until then each answer is right, or 503.
async fn mended(installation: &Installation, client: &Client, questions: &[(String, Value)], what: &str) {
    loop {
        let mut right = 0;
        for (path, expected) in questions {
            let answer = client.get(path).await;
            match answer.status {
                200 => {
                    assert_eq!(&steady(&answer), expected, "{what}: {path}");
                    right += 1;
                }
                503 => {}
                _ => panic!("{what}: {path}: {}", answer.text),
            }
        }
        if right == questions.len() && is_whole(installation).await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Of an answer, what does not depend on when it was asked for.
fn steady(answer: &Answer) -> Value {
    let rows = answer.body["stages"].as_array().or_else(|| answer.body["items"].as_array()).expect("rows");
    let names = ["stage", "count", "visits", "position", "type", "id", "name", "tags", "owner"];
    let row = |row: &Value| names.iter().map(|name| row[*name].clone()).collect::<Vec<_>>();
    rows.iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_any_class_may_be_damaged_and_the_server_answers_right_or_not_now() {
    let original = Installation::on_sqlite();
    let server = original.serve();
    let admin = server.admin();
    drop(admin.create_pipeline("helloword-13").await.expect(201));
    let register = |number: usize| {
        admin.register(json!({"pipeline": "helloword-13", "name": format!("Customer {number}")}))
    };
    let customers = futures::future::join_all((0..150).map(register)).await;
    let tags: Vec<String> = (0..30).map(|number| format!("{number} {}", "long ".repeat(9).trim())).collect();
    for customer in customers.iter().take(10) {
        drop(admin.command(customer, "details", json!({"tags": tags})).await.expect(200));
    }
    let head = admin.head().await;
    let asked = [
        "/v1/boards/helloword-13?limit=200".to_owned(),
        "/v1/dwell/helloword-13?effective_at=2099-01-01T00:00:00Z".to_owned(),
        format!("/v1/customers/{}/timeline?limit=200", customers[0]),
        "/v1/customers?limit=200".to_owned(),
    ];
    admin.caught_up().await;
    let mut questions = Vec::new();
    for path in asked {
        let path = format!("{path}&min_position={head}&wait_ms=5000");
        let answer = admin.get(&path).await.expect(200);
        questions.push((path, steady(&answer)));
    }
    assert_eq!(server.stop(), 0);
    // Rows of former generations leave pages that are free.
    assert_eq!(original.run(&["rebuild", "timeline"]).code, 0);

    // Each in a copy of its own, at the same time: all pages of a class before the server starts, then one of them while it
    // serves. What no question comes upon a check finds, by and by.
    let (original, questions) = (&original, &questions);
    let cases = CLASSES.map(|class| async move {
        let copy = Installation::on_sqlite();
        for file in std::fs::read_dir(original.directory()).expect("the folder").flatten() {
            std::fs::copy(file.path(), copy.directory().join(file.file_name())).expect("it can be copied");
        }
        damage_pages(&copy, class, true).await;
        let server = copy.serve();
        let client = server.admin();
        mended(&copy, &client, questions, &format!("all of {class:?}, stopped")).await;
        client.caught_up().await;
        damage_pages(
            &copy,
            if class == PageClass::FreeTrunk || class == PageClass::Free {
                PageClass::TableLeaf
            } else {
                class
            },
            false,
        )
        .await;
        mended(&copy, &client, questions, &format!("one of {class:?}, running")).await;
        assert_eq!(server.stop(), 0);
    });
    futures::future::join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_rebuilds_at_once_one_runs_and_the_others_are_told_so() {
    let installation = Installation::new();
    let server = installation.serve();
    let admin = server.admin();
    drop(admin.create_pipeline("helloword-13").await.expect(201));
    for number in 0..50 {
        admin.register(json!({"pipeline": "helloword-13", "name": format!("Customer {number}")})).await;
    }
    // On PostgreSQL two servers are asked in turn, while somebody writes.
    let second = installation.postgres().map(|_| installation.serve());
    let other = second.as_ref().map_or(admin.clone(), Server::admin);
    let mut begun = 0;
    for model in ["dwell", "timeline", "dwell"] {
        let path = format!("/v1/projections/{model}/rebuild");
        let asked = (0..6).map(|number| [&admin, &other][number % 2].post(&path, json!({})));
        let written = (0..10).map(|number| {
            admin.register(json!({"pipeline": "helloword-13", "name": format!("Beside {number}")}))
        });
        let (answers, _) =
            futures::future::join(futures::future::join_all(asked), futures::future::join_all(written)).await;
        for answer in answers {
            match answer.status {
                202 => begun += 1,
                _ => drop(answer.refused(409, "rebuild-running")),
            }
        }
        // The command line beside the server: it is one of them, or it is told that one runs.
        let beside = installation.run(&["rebuild", model]);
        assert!(
            beside.code == 0 || beside.said().contains("a rebuild of this projection is running"),
            "{}",
            beside.said()
        );
        let settled = |projections: &Answer| {
            projections.is_caught_up() && projections.items().iter().all(|one| one["rebuilding"].is_null())
        };
        admin.until("/v1/projections", settled).await;
    }
    assert!(begun >= 3, "{begun}");
    if let Some(second) = second {
        assert_eq!(second.stop(), 0);
        admin.caught_up().await;
    }
    let examined = installation.run(&["doctor"]);
    assert_eq!(examined.code, 0, "{}", examined.said());
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}
