//! A whole run with tokens that another service signs, and a limit on how often each may call.

#![cfg(test)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use waymark_tests::{Installation, Server};

/// Who signs tokens, by ES256.
struct Issuer(EcdsaKeyPair);

impl Issuer {
    fn new() -> Self {
        let (random, by) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pair = EcdsaKeyPair::generate_pkcs8(by, &random).expect("a key pair");
        Self(EcdsaKeyPair::from_pkcs8(by, pair.as_ref(), &random).expect("a key pair"))
    }

    fn keys(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "2026-1", "x": x, "y": y}]})
    }

    fn token(&self, actor: &str, roles: &[&str], seconds: i64) -> String {
        let expires = waymark_tests::now().timestamp() + seconds;
        let claims = json!({
            "iss": "https://id.example", "aud": ["waymark"], "exp": expires, "org": "default", "sub": actor,
            "roles": roles
        });
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", text(&json!({"alg": "ES256", "kid": "2026-1"})), text(&claims));
        let signed = self.0.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signed))
    }
}

const SETTINGS: [&str; 8] = [
    "--jwt-keys",
    "issuer.json",
    "--jwt-issuer",
    "https://id.example",
    "--jwt-audience",
    "waymark",
    "--jwt-tenant-claim",
    "org",
];

fn with_settings<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &SETTINGS].concat()
}

async fn a_day_with_tokens(installation: &Installation) {
    let issuer = Issuer::new();
    std::fs::write(installation.directory().join("issuer.json"), issuer.keys().to_string()).expect("written");
    let server = Server::launch(installation, &with_settings(&["serve", "--listen", "127.0.0.1:0"]), 1);
    let manager = server.with_key(&issuer.token("manager:wang", &["manager"], 300));
    let _ = manager.create_pipeline("landian-6").await.expect(201);
    let rep = server.with_key(&issuer.token("rep:li", &["rep"], 300));
    let customer =
        rep.register(json!({"pipeline": "landian-6", "owner": "rep:li", "name": "海港食品"})).await;
    let _ = rep.command(&customer, "notes", json!({"text": "by a token"})).await.expect(200);
    assert_eq!(rep.customer(&customer).await.at("/owner/id"), "li");
    let _ = rep.post("/v1/admin/teams", json!({"key": "north"})).await.refused(403, "missing-role");
    let _ = server
        .with_key(&issuer.token("rep:li", &["rep"], -120))
        .get("/v1/me")
        .await
        .refused(401, "token-expired");
    let _ = server
        .with_key(&issuer.token("rep:li", &["chief"], 300))
        .get("/v1/me")
        .await
        .refused(401, "token-role");
    let _ = server
        .with_key(&Issuer::new().token("rep:li", &["rep"], 300))
        .get("/v1/me")
        .await
        .refused(401, "token-signature");
    assert_eq!(server.stop(), 0);
    assert_eq!(installation.verify().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_services_tokens_work_a_customer() {
    a_day_with_tokens(&Installation::on_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_another_services_tokens_work_a_customer_on_postgresql() {
    let Some(installation) = Installation::on_postgres() else { return };
    a_day_with_tokens(&installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_credential_is_limited_and_told_when_it_may_call_again() {
    let installation = Installation::on_sqlite();
    let key = installation.key("rep:li", &["rep"]);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--rate-limit", "1", "--rate-burst", "2"];
    let server = Server::launch(&installation, &arguments, 1);
    let rep = server.with_key(&key);
    for left in ["r=1;", "r=0;"] {
        let answer = rep.get("/v1/me").await.expect(200);
        assert!(answer.header("ratelimit").contains(left), "{}", answer.header("ratelimit"));
    }
    let refused = rep.get("/v1/me").await.refused(429, "rate-limited");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let _ = server.anon().get("/healthz").await.expect(200);
}

#[test]
fn config_and_doctor_show_the_keys_of_tokens_by_id_and_refuse_half_of_the_settings() {
    let installation = Installation::on_sqlite();
    let set = json!({"keys": [{"kty": "oct", "kid": "2026-1", "k": URL_SAFE_NO_PAD.encode([7; 32])}]});
    std::fs::write(installation.directory().join("issuer.json"), set.to_string()).expect("written");
    let config = installation.run(&with_settings(&["config"])).succeeded();
    assert!(config.contains("WAYMARK_JWT_ISSUER=https://id.example"), "{config}");
    assert!(config.contains("WAYMARK_RATE_LIMIT=off"), "{config}");
    let _ = installation.key("admin:root", &["admin"]);
    let doctor = installation.run(&with_settings(&["doctor"]));
    assert!(doctor.said().contains("2026-1 (HS256)"), "{}", doctor.said());
    assert!(!format!("{config}{}", doctor.said()).contains(&URL_SAFE_NO_PAD.encode([7; 32])));
    let half = installation.run(&["serve", "--listen", "127.0.0.1:0", "--jwt-keys", "issuer.json"]);
    assert_eq!(half.code, 1);
    assert!(half.stderr.contains("WAYMARK_JWT_ISSUER"), "{}", half.stderr);
}
