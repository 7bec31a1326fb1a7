//! A parameter that an operation does not know is refused by name, whatever the operation.

use axum::http::Method;

use super::routes::{filled, served};
use super::world::World;
use crate::http::testing::Answer;

#[tokio::test]
async fn a_parameter_that_no_operation_knows_is_refused_by_every_one() {
    let world = World::new().await;
    let key = |word: &str| {
        world.callers.iter().find(|who| who.word == word).and_then(|who| who.key.clone()).unwrap()
    };
    let (admin, rep) = (key("admin"), key("li"));
    let (mut asked, mut silent) = (0, Vec::new());
    for (method, path, _) in served(&world).await {
        let path = format!("{}?nonsense=1", filled(&path));
        let send = async |key: &str| world.bench.call(method.clone(), &path).key(key).send().await;
        let refuses = |answer: &Answer| {
            answer.status == 422
                && answer.json()["code"] == "unknown-parameter"
                && answer.json()["violations"][0]["field"] == "nonsense"
        };
        let answer = send(&admin).await;
        let answer = if answer.status == 403 { send(&rep).await } else { answer };
        asked += 1;
        if !refuses(&answer) {
            silent.push(format!("{method} {path}: {} {}", answer.status, answer.text));
        }
    }
    assert!(asked > 100, "{asked} operations");
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    let unknown = world.bench.call(Method::GET, "/healthz?verbose").send().await;
    assert_eq!(unknown.problem(422, "unknown-parameter")["violations"][0]["field"], "verbose");
    assert_eq!(world.bench.call(Method::GET, "/healthz?").send().await.status, 200);
}
