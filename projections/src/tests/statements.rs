//! Every statement prepares, and names its tenant.

use std::path::{Path, PathBuf};

use super::world::World;
use crate::bulk::among;
use crate::db::Value;
use crate::model;

fn statement_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(statement_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "sql")
            && !path.ends_with("schema.sql")
        {
            files.push(path);
        }
    }
    files
}

fn binds(sql: &str) -> Vec<Value> {
    let highest = sql.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    vec![Value::Null; highest.max().unwrap_or(0) + sql.matches(crate::db::PLACEHOLDER).count()]
}

#[tokio::test]
async fn every_statement_prepares_and_names_its_tenant() {
    let world = World::new();
    let projections = world.projections("p").await;
    let mut statements: Vec<(String, String)> = Vec::new();
    for path in statement_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let sql = std::fs::read_to_string(&path).unwrap();
        let sql = if sql.trim_end().ends_with(" IN") { among(sql.trim_end(), 2) } else { sql };
        statements.push((path.display().to_string(), sql));
    }
    assert!(statements.len() > 20);
    for table in model::all().iter().flat_map(|model| model.tables()) {
        assert_eq!(table.columns[..2], ["tenant_id", "generation"], "{}", table.name);
        statements.push((table.name.to_owned(), table.insert(3)));
        statements.push((table.name.to_owned(), table.delete()));
    }
    for (name, sql) in statements {
        let mut session = projections.engine().db.read().await.unwrap();
        let explained = session.rows_made(format!("EXPLAIN {sql}"), &binds(&sql)).await;
        assert!(explained.is_ok(), "{name}: {:?}", explained.err());
        // Which tenants there are is asked once, when the read models are opened.
        let asks_for_tenants = name.ends_with("checkpoint/tenants.sql");
        let names_tenant = asks_for_tenants || sql.contains("tenant_id = $1") || sql.contains("(tenant_id,");
        assert!(names_tenant, "{name} does not begin with its tenant");
    }
}
