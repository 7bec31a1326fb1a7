//! Every way in which a token may not be believed, and each algorithm by which it may.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::keys::Keys;
use super::{Claims, TokenFault, TokenSettings, Tokens};
use crate::auth::scope::Scope;
use crate::domain::{Actor, Role};

/// The modulus of an RSA key made for these tests; its other half signed the two tokens below and was thrown away.
const MODULUS: &str = "umpLbdStCl5SAsrernpca_NvgW9Hf9omkpc06KrSemBDrP6JWEcsw_g5RJ1e27qmo0XUK-UEEffIGojBtgDHXWq4bqX0XFW2\
     MC_9wQ-1fkLIjuTt6REceNp1aaeKbdCXjHU5Vdcdry7sdzFe6V0q9HJPXVuAhbo3Aafp84pTFmkzY5Dd-4gWrapZPj7WZo2T\
     xENy87ytCt0D49zQ7NNq3BpSs0UO3iZAY7Rso53g_5VnrKu5T7vDUPwmajobfldJLMXUhS8UPnAiNmAXya5TZhwa1u3wD0cO\
     luUaTdPLjXMOzKhdqgOn5nyeaEbVLS_BlLPCL2FNg4Qp62LvMohFDw";
const SIGNED_RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IlJTMjU2In0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJ3YXltYXJr\
     IiwiZXhwIjoyMDAwMDAwMDAwLCJ0ZW5hbnQiOiJkZWZhdWx0Iiwic3ViIjoicmVwOmxpIiwicm9sZXMiOlsicmVwIl19.sdE\
     FBegX4OaWDEGPQrWtYWIzlHmInFhCPxtGt2hGb86o5fAgoKRhqUTGFXOZ15OimWF2xt-0t4eJ5go9DoAs2uVNFnGpATS7LJn\
     r4RmhdOnU2z9wzzQ72YvMFyfQ03lrCqtHZ-y7GlMweiHjBoevnqbqhrYviB4Kjt8zNZIuvgurfaYUGVCeR58KGbi07ZhCeiU\
     EV-cvn2pMadYme_44iX2ubzKE0n5rM-tvDn3_UuaDHPkhwcfo4bgku4z31Wf1RKQuXSgF9QI8NZNqp28DbnhzfN3W1NdFKHa\
     NKIxMrN6kcKNpzQ19uPbo7VJ3d0uJH_NxuDOxTFrmg0DyYJp0cw";
const SIGNED_PS256: &str = "eyJhbGciOiJQUzI1NiIsImtpZCI6IlBTMjU2In0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJ3YXltYXJr\
     IiwiZXhwIjoyMDAwMDAwMDAwLCJ0ZW5hbnQiOiJkZWZhdWx0Iiwic3ViIjoicmVwOmxpIiwicm9sZXMiOlsicmVwIl19.b5n\
     Kt6tfIEGFfxUvxCgw8tgKAabFGquBI12qvK3cfiSu3bkwz16V5GVZiU1vO642P11XvZMkA95wJTEah9SNeF8IlvaxiwtVHWP\
     U9z_1q0sTYMZZSaPz2TBEtXJPJ1ZFnU1g4cC40_D8vnb8lnWyWQP5NmbAEshsQvl5QJ4eJtun7jPUNpJKIEHMeob1rsFeea3\
     J69BQs3du98ZWqUI2GfDrimHXj-Ngn2EabNTVO5SHL_VV9TMZBfD3Q0F_iURjLqrKkuXDWrWRJAbMTPaohmxXlTtfuJq3RyM\
     Skvvg-Mhjee1Mi9-9yHA-O11Lvd-IrptcQtNazQiU7tfWnytK8Q";

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

fn text(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// The issuer.
struct Issuer {
    folder: tempfile::TempDir,
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let issuer = Self {
            folder: tempfile::tempdir().unwrap(),
            ed: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
            ec,
        };
        issuer.publish(&issuer.set());
        issuer
    }

    fn set(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(self.ed.public_key())},
            {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "oct", "kid": "hs", "k": text(SECRET)},
            {"kty": "RSA", "kid": "RS256", "n": MODULUS, "e": "AQAB"},
            {"kty": "RSA", "kid": "PS256", "alg": "PS256", "n": MODULUS, "e": "AQAB"},
            {"kty": "RSA", "kid": "sealing", "use": "enc", "n": "AQAB", "e": "AQAB"},
            {"kty": "AKP", "kid": "of a later day", "pub": "AQAB"}
        ]})
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("keys.json")
    }

    fn publish(&self, set: &Value) {
        std::fs::write(self.file(), set.to_string()).unwrap();
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", text(header.to_string()), text(claims.to_string()));
        let signed = match header["kid"].as_str() {
            Some("ec") => self.ec.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
            Some("hs") => hmac(SECRET, &message),
            _ => self.ed.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", text(signed))
    }

    fn tokens(&self) -> Tokens {
        Tokens::open(settings(&self.file()), now()).unwrap()
    }

    /// What is said of a good token in which these claims are as they are here; null takes one out.
    fn told(&self, changes: &Value) -> Result<Claims, TokenFault> {
        let mut claims = claims();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        self.tokens().verify(&self.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &claims), now())
    }
}

fn hmac(secret: &[u8], message: &str) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
}

fn settings(file: &Path) -> TokenSettings {
    TokenSettings {
        keys: file.to_owned(),
        issuer: "https://id.example".to_owned(),
        audience: "waymark".to_owned(),
        tenant_claim: "tenant".to_owned(),
        actor_claim: "sub".to_owned(),
        roles_claim: "roles".to_owned(),
        scope_claim: "scope".to_owned(),
        leeway: TimeDelta::seconds(60),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example", "aud": "waymark", "exp": now().timestamp() + 300, "tenant": "default",
        "sub": "rep:li", "roles": ["rep"]
    })
}

fn claim(name: &str) -> Result<Claims, TokenFault> {
    Err(TokenFault::Claim(name.to_owned()))
}

#[test]
fn a_good_token_says_tenant_actor_roles_and_the_scope_that_is_ours() {
    let issuer = Issuer::new();
    let told = issuer.told(&json!({"scope": "openid act-as profile"})).unwrap();
    assert_eq!(told.tenant, "default");
    assert_eq!(told.actor, Actor::new("rep:li", [Role::Rep]));
    assert_eq!(told.scopes, [Scope::ActAs].into());
    let told = issuer.told(&json!({"roles": "rep analyst", "scope": ["act-as"]})).unwrap();
    assert_eq!(told.actor.roles, [Role::Rep, Role::Analyst].into());
    assert_eq!(told.scopes, [Scope::ActAs].into());
    assert!(issuer.told(&json!({"aud": ["other", "waymark"]})).unwrap().scopes.is_empty());
}

#[test]
fn each_algorithm_verifies_by_its_own_key() {
    let issuer = Issuer::new();
    for (alg, kid) in [("EdDSA", "ed"), ("ES256", "ec"), ("HS256", "hs")] {
        let token = issuer.sign(&json!({"alg": alg, "kid": kid, "typ": "JWT"}), &claims());
        assert!(issuer.tokens().verify(&token, now()).is_ok(), "{alg}");
    }
    for token in [SIGNED_RS256, SIGNED_PS256] {
        assert!(issuer.tokens().verify(token, now()).is_ok(), "{token}");
    }
}

#[test]
fn a_token_counts_from_nbf_until_exp_and_the_leeway_at_either_end() {
    let issuer = Issuer::new();
    let at = |seconds: i64| now().timestamp() + seconds;
    assert!(issuer.told(&json!({"exp": at(-59)})).is_ok());
    assert_eq!(issuer.told(&json!({"exp": at(-60)})), Err(TokenFault::Expired));
    assert!(issuer.told(&json!({"nbf": at(60)})).is_ok());
    assert_eq!(issuer.told(&json!({"nbf": at(61)})), Err(TokenFault::NotYetValid));
    assert_eq!(issuer.told(&json!({"exp": null})), claim("exp"));
    // A text would be no number to compare with, so it must not count as no limit.
    assert_eq!(issuer.told(&json!({"exp": "9999999999"})), claim("exp"));
    assert_eq!(issuer.told(&json!({"nbf": "0"})), claim("nbf"));
    assert_eq!(issuer.told(&json!({"exp": -1e300})), Err(TokenFault::Expired));
    assert!(issuer.told(&json!({"exp": 1e300})).is_ok());
}

#[test]
fn another_issuer_or_audience_is_refused() {
    let issuer = Issuer::new();
    assert_eq!(issuer.told(&json!({"iss": "https://evil.example"})), Err(TokenFault::Issuer));
    assert_eq!(issuer.told(&json!({"iss": null})), claim("iss"));
    assert_eq!(issuer.told(&json!({"iss": ["https://id.example"]})), claim("iss"));
    assert_eq!(issuer.told(&json!({"aud": "another"})), Err(TokenFault::Audience));
    assert_eq!(issuer.told(&json!({"aud": "waymark other"})), Err(TokenFault::Audience));
    assert_eq!(issuer.told(&json!({"aud": []})), Err(TokenFault::Audience));
    assert_eq!(issuer.told(&json!({"aud": null})), claim("aud"));
}

#[test]
fn a_claim_that_is_missing_or_of_another_kind_is_named() {
    let issuer = Issuer::new();
    for name in ["tenant", "sub", "roles"] {
        assert_eq!(issuer.told(&json!({name: null})), claim(name));
        assert_eq!(issuer.told(&json!({name: 7})), claim(name));
    }
    assert_eq!(issuer.told(&json!({"roles": []})), claim("roles"));
    assert_eq!(issuer.told(&json!({"roles": ["rep", 7]})), claim("roles"));
    assert_eq!(issuer.told(&json!({"scope": {"act-as": true}})), claim("scope"));
    for name in ["", " ", "system:reclaim", "rep:\u{7}", &"x".repeat(201)] {
        assert_eq!(issuer.told(&json!({"sub": name})), claim("sub"), "{name:?}");
    }
    assert_eq!(issuer.told(&json!({"roles": ["rep", "owner"]})), Err(TokenFault::Role("owner".to_owned())));
    assert_eq!(issuer.told(&json!({"roles": ["Admin"]})), Err(TokenFault::Role("Admin".to_owned())));
}

#[test]
fn no_algorithm_but_that_of_the_key_is_taken() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    let told = |token: &str| tokens.verify(token, now()).unwrap_err();
    for alg in ["none", "None", "NONE"] {
        let unsigned = format!("{}.{}.", text(json!({"alg": alg}).to_string()), text(claims().to_string()));
        assert_eq!(told(&unsigned), TokenFault::Algorithm, "{alg}");
    }
    // The public halves are known to everybody; as secrets of an HMAC they would let everybody sign.
    for (kid, public) in
        [("RS256", MODULUS.as_bytes().to_vec()), ("ed", issuer.ed.public_key().as_ref().to_vec())]
    {
        let message = format!(
            "{}.{}",
            text(json!({"alg": "HS256", "kid": kid}).to_string()),
            text(claims().to_string())
        );
        let forged = format!("{message}.{}", text(hmac(&public, &message)));
        assert_eq!(told(&forged), TokenFault::Algorithm, "{kid}");
    }
    for (alg, kid) in [("HS512", "hs"), ("ES384", "ec"), ("RS256", "PS256"), ("EdDSA", "ec"), ("", "ed")] {
        assert_eq!(
            told(&issuer.sign(&json!({"alg": alg, "kid": kid}), &claims())),
            TokenFault::Algorithm,
            "{alg}"
        );
    }
}

#[test]
fn a_key_that_is_not_in_the_set_signs_nothing() {
    let issuer = Issuer::new();
    let told = |header: Value| issuer.tokens().verify(&issuer.sign(&header, &claims()), now());
    assert_eq!(told(json!({"alg": "EdDSA", "kid": "unknown"})), Err(TokenFault::Key));
    assert_eq!(told(json!({"alg": "EdDSA", "kid": "sealing"})), Err(TokenFault::Key), "a key for encryption");
    assert_eq!(told(json!({"alg": "EdDSA"})), Err(TokenFault::Key), "several keys, and none named");
    let only = issuer.set()["keys"][0].clone();
    issuer.publish(&json!({"keys": [only]}));
    assert!(told(json!({"alg": "EdDSA"})).is_ok(), "one key needs no name");
}

#[test]
fn a_changed_token_or_one_that_is_none_is_refused_before_its_claims_are_read() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    let good = issuer.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let changed = text(json!({"roles": ["admin"]}).to_string());
    let forged = format!("{}.{changed}.{}", parts[0], parts[2]);
    assert_eq!(tokens.verify(&forged, now()), Err(TokenFault::Signature));
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert_eq!(tokens.verify(&unsigned, now()), Err(TokenFault::Signature));
    let extended =
        issuer.sign(&json!({"alg": "EdDSA", "kid": "ed", "crit": ["b64"], "b64": false}), &claims());
    assert_eq!(tokens.verify(&extended, now()), Err(TokenFault::Malformed));
    let no_object = issuer.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &json!(["rep:li"]));
    assert_eq!(tokens.verify(&no_object, now()), Err(TokenFault::Malformed));
    let twice = format!("{}.{}.{}", text(r#"{"alg":"none","alg":"EdDSA","kid":"ed"}"#), parts[1], parts[2]);
    let long = "a".repeat(20_000);
    for text in ["", "..", "a.b.c", "a.b", &format!("{good}.x"), &format!("{good}="), &twice, &long] {
        assert_eq!(tokens.verify(text, now()), Err(TokenFault::Malformed), "{text}");
    }
}

#[test]
fn a_claim_deep_in_the_token_is_found_by_its_pointer() {
    let issuer = Issuer::new();
    let deep = TokenSettings { roles_claim: "/realm_access/roles".to_owned(), ..settings(&issuer.file()) };
    let tokens = Tokens::open(deep, now()).unwrap();
    let mut claims = claims();
    claims["realm_access"] = json!({"roles": ["manager"]});
    let told = tokens.verify(&issuer.sign(&json!({"alg": "ES256", "kid": "ec"}), &claims), now()).unwrap();
    assert_eq!(told.actor.roles, [Role::Manager].into());
}

#[test]
fn a_changed_file_is_read_within_seconds_and_a_broken_one_leaves_the_keys_that_were() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    let token = issuer.sign(&json!({"alg": "EdDSA", "kid": "ed"}), &claims());
    let later = |seconds| now() + TimeDelta::seconds(seconds);
    issuer.publish(&json!({"keys": "none"}));
    assert!(tokens.verify(&token, later(5)).is_ok(), "broken");
    std::fs::remove_file(issuer.file()).unwrap();
    assert!(tokens.verify(&token, later(10)).is_ok(), "gone");
    issuer.publish(&json!({"keys": [{"kty": "oct", "kid": "hs", "k": text(SECRET)}]}));
    assert!(tokens.verify(&token, later(11)).is_ok(), "not looked at yet");
    assert_eq!(tokens.verify(&token, later(15)), Err(TokenFault::Key));
    assert_eq!(tokens.describe(), "hs (HS256)");
}

#[test]
fn a_set_with_a_weak_private_or_doubled_key_is_refused_without_its_value_being_told() {
    let ed = text([9; 32]);
    let good = json!({"kty": "OKP", "crv": "Ed25519", "x": ed});
    let sets = [
        (json!([]), "no JSON Web Key Set"),
        (json!({"keys": []}), "no key"),
        (json!({"keys": [{"kty": "oct", "k": text("short secret")}]}), "less than 32 bytes"),
        (json!({"keys": [{"kty": "RSA", "n": text([9; 128]), "e": "AQAB"}]}), "less than 2048 bits"),
        (json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": ed, "d": "c2VjcmV0"}]}), "private"),
        (json!({"keys": [{"kty": "EC", "crv": "P-256", "x": ed, "y": "AQ"}]}), "32 bytes"),
        (json!({"keys": [{"kty": "EC", "crv": "P-256", "x": ed}]}), "lacks y"),
        (json!({"keys": [{"kty": "oct", "alg": "HS512", "k": text(SECRET)}]}), "HS512"),
        (json!({"keys": [{"kty": "RSA", "alg": "HS256", "n": MODULUS, "e": "AQAB"}]}), "HS256"),
        (json!({"keys": [good, good]}), "another key"),
    ];
    for (set, named) in sets {
        let why = Keys::parse(&set.to_string()).err().unwrap_or_default();
        assert!(why.contains(named), "{why:?} instead of {named}");
        for value in ["c2VjcmV0", "short", &text("short secret"), &text(SECRET)] {
            assert!(!why.contains(value), "{why}");
        }
    }
}
