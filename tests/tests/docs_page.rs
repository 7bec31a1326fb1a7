//! The documentation page and the API description are whole without any other host.

#![cfg(test)]

use waymark_tests::Installation;

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_page_loads_everything_from_the_server_itself() {
    let installation = Installation::new();
    let server = installation.serve();
    let anon = server.anon();
    let page = anon.get("/docs/").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.header("content-type"));
    let references = references(&page.text);
    assert!(!references.is_empty(), "{}", page.text);
    for reference in references {
        assert!(!reference.contains("//"), "{reference} is on another host");
        let path = format!("/docs/{}", reference.trim_start_matches("./"));
        let path = if reference.starts_with('/') { reference } else { path };
        let part = anon.get(&path).await.expect(200);
        assert!(!part.text.is_empty(), "{path} is empty");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_description_is_openapi_3_1_and_names_no_other_host() {
    let installation = Installation::new();
    let server = installation.serve();
    let document = server.anon().get("/openapi.json").await.expect(200);
    assert!(document.text_at("/openapi").starts_with("3.1"), "{}", document.at("/openapi"));
    let hosts: Vec<&str> = document
        .text
        .match_indices("http")
        .map(|(start, _)| document.text[start..].split(['"', ' ', ')', '\\']).next().unwrap_or_default())
        .filter(|found| found.starts_with("http://") || found.starts_with("https://"))
        .filter(|found| !found.starts_with("http://127.0.0.1"))
        // Names that are nobody's, kept for examples (RFC 2606).
        .filter(|found| !found.split('/').nth(2).is_some_and(|host| host.ends_with(".example")))
        .collect();
    assert_eq!(hosts, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_api_description_has_a_summary_and_says_what_it_answers() {
    let installation = Installation::new();
    let server = installation.serve();
    let document = server.anon().get("/openapi.json").await.expect(200);
    let paths = document.at("/paths").as_object().expect("paths");
    let mut operations = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            operations += 1;
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            assert!(
                operation["responses"].as_object().is_some_and(|found| !found.is_empty()),
                "{method} {path}"
            );
        }
    }
    assert!(operations >= 40, "only {operations} operations are described");
}

/// What `src="…"` and `href="…"` point at.
fn references(html: &str) -> Vec<String> {
    let marks = ["src=\"", "href=\""];
    let found =
        marks.iter().flat_map(|mark| html.match_indices(mark).map(|(start, mark)| start + mark.len()));
    found.map(|start| html[start..].chars().take_while(|sign| *sign != '"').collect()).collect()
}
