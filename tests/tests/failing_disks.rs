//! Disks that are full or fail, and files that are damaged, under a server that goes on or says why it cannot.

#![cfg(test)]

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};
use waymark_tests::{Answer, Client, Installation, Server, Writer, assert_nothing_lost_or_doubled};

/// The exit code of a server whose log stopped.
const LOG_STOPPED: i32 = 7;

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

    // The command line puts it aside as the server does.
    damage(&installation);
    let rebuilt = installation.run(&["rebuild"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.said());
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
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
    let mut begun = 0;
    for model in ["dwell", "timeline", "dwell"] {
        let path = format!("/v1/projections/{model}/rebuild");
        let asked = (0..6).map(|_| admin.post(&path, json!({})));
        for answer in futures::future::join_all(asked).await {
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
    let examined = installation.run(&["doctor"]);
    assert_eq!(examined.code, 0, "{}", examined.said());
    assert_eq!(server.stop(), 0);
    let (code, report) = installation.verify();
    assert_eq!(code, 0, "{report}");
}
