//! A service on PostgreSQL whose role owns nothing, before and after its tables became more.

#![cfg(test)]

use serde_json::json;
use waymark_tests::{Installation, Server};

/// A role of the server that owns nothing. It outlives the test: the tests share the server.
fn ordinary_role(installation: &Installation) -> String {
    let role = format!("waymark_ordinary_{}", std::process::id());
    let make = format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') \
         THEN CREATE ROLE {role} LOGIN; END IF; END $$"
    );
    let _ = installation.postgres().expect("it is on PostgreSQL").execute(&make);
    role
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_an_ordinary_role_has_its_part_of_tables_that_came_later_once_the_owner_migrates() {
    let Some(installation) = Installation::on_postgres() else { return };
    let database = installation.postgres().expect("it is on PostgreSQL");
    let role = ordinary_role(&installation);
    let _ = installation.run(&["migrate", "--secure", &role]).succeeded();
    // As a program left it that knew neither of these tables.
    for table in ["outbound.consumer", "admin.session_use"] {
        let _ = database.execute(&format!("DROP TABLE {table}"));
    }
    let owner = database.url();
    let url = owner.replacen("://postgres@", &format!("://{role}@"), 1);
    assert_ne!(owner, url, "the server's administrator is postgres");
    let _ = installation.program(&["migrate", "--database", &url, "--migrate-url", &owner]).succeeded();
    // The role itself may run it as well, and changes nothing.
    let _ = installation.program(&["migrate", "--database", &url]).succeeded();

    let key = ["token", "create", "--actor", "admin:root", "--role", "admin", "--database", &url];
    let key = installation.program(&key).succeeded().trim().to_owned();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database", &url];
    let server = Server::launch_command(installation.program_command(&serve), 1);
    let admin = server.with_key(&key);
    let consumer = json!({"name": "warehouse", "start": {"position": 0}});
    drop(admin.post("/v1/consumers", consumer).await.expect(201));
    drop(admin.post("/v1/consumers/warehouse/acknowledgements", json!({"position": 1})).await.expect(200));
    let session = admin.post("/v1/sessions", json!({"code": key})).await.expect(201);
    drop(server.with_key(&session.text_at("/session")).get("/v1/me").await.expect(200));
    assert_eq!(server.stop(), 0);
    let examined = installation.program(&["doctor", "--database", &url]);
    assert_eq!(examined.code, 0, "{}", examined.said());
    // Rows of one tenant are not those of another, in the new tables either.
    for table in ["outbound.consumer", "admin.session_use"] {
        let secured = format!("SELECT 1 FROM pg_class WHERE oid = to_regclass('{table}') AND relrowsecurity");
        assert_eq!(database.execute(&secured), 1, "{table}");
        assert!(database.execute(&format!("SELECT 1 FROM {table}")) > 0, "{table} is in use");
    }
    let _ = database.execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
