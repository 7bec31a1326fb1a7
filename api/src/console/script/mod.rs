//! The scripts of the pages: modules of this program, which pages do without where a browser runs none.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Every module, by name.
const MODULES: [(&str, &str); 12] = [
    ("audit.js", include_str!("audit.js")),
    ("board.js", include_str!("board.js")),
    ("customer.js", include_str!("customer.js")),
    ("drag.js", include_str!("drag.js")),
    ("figures.js", include_str!("figures.js")),
    ("filters.js", include_str!("filters.js")),
    ("imports.js", include_str!("imports.js")),
    ("keys.js", include_str!("keys.js")),
    ("live.js", include_str!("live.js")),
    ("moves.js", include_str!("moves.js")),
    ("proof.js", include_str!("proof.js")),
    ("page.js", include_str!("page.js")),
];

/// What a module imports, and what that imports: a browser that knows of them fetches them all at once.
pub(super) fn imported_by(name: &str) -> Vec<&'static str> {
    let mut found = imports(name);
    let mut seen = 0;
    while let Some(next) = found.get(seen) {
        let further = imports(next).into_iter().filter(|import| !found.contains(import));
        let further: Vec<&str> = further.collect();
        found.extend(further);
        seen += 1;
    }
    found
}

fn imports(name: &str) -> Vec<&'static str> {
    let source = MODULES.iter().find(|(known, _)| *known == name).map_or("", |(_, source)| *source);
    let lines = source.lines().filter(|line| line.starts_with("import "));
    lines.filter_map(|line| line.split(['"', '\'']).nth(1)?.strip_prefix("./")).collect()
}

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
    use super::{MODULES, imported_by, imports};

    #[test]
    fn what_a_module_imports_is_there() {
        for (name, _) in MODULES {
            for import in imports(name) {
                assert!(MODULES.iter().any(|(known, _)| *known == import), "{name} imports {import}");
            }
        }
        let mut board = imported_by("board.js");
        board.sort_unstable();
        assert_eq!(board, ["drag.js", "filters.js", "keys.js", "live.js", "moves.js", "page.js"]);
        assert!(imported_by("customer.js").is_empty());
    }
}
