//! The scripts of the pages: modules of this program, which pages do without where a browser runs none.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Every module, by name.
const MODULES: [(&str, &str); 9] = [
    ("audit.js", include_str!("audit.js")),
    ("board.js", include_str!("board.js")),
    ("drag.js", include_str!("drag.js")),
    ("imports.js", include_str!("imports.js")),
    ("keys.js", include_str!("keys.js")),
    ("live.js", include_str!("live.js")),
    ("moves.js", include_str!("moves.js")),
    ("proof.js", include_str!("proof.js")),
    ("page.js", include_str!("page.js")),
];

/// One of them.
pub(super) async fn module(Path(name): Path<String>) -> Response {
    let Some((_, source)) = MODULES.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, *source).into_response()
}

#[cfg(test)]
mod tests {
    use super::MODULES;

    #[test]
    fn what_a_module_imports_is_there() {
        for (name, source) in MODULES {
            let imported = source.lines().filter(|line| line.starts_with("import ")).filter_map(|line| {
                let path = line.split(['"', '\'']).nth(1)?;
                path.strip_prefix("./")
            });
            for import in imported {
                assert!(MODULES.iter().any(|(known, _)| *known == import), "{name} imports {import}");
            }
        }
    }
}
