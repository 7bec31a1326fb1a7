//! The keys that tokens are signed with: a JSON Web Key Set (RFC 7517), and what its keys verify (RFC 7515, 7518, 8037).
//!
//! A key is good for one algorithm, told by the set and never by a token. Thus a public RSA key cannot be taken for
//! the secret of an HMAC, and there is no algorithm `none`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, signature};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::TokenFault;

/// The shortest secret of an HMAC and the shortest modulus of RSA, in bytes (RFC 7518, 3.2 and 3.3).
const SHORTEST_SECRET: usize = 32;
const SHORTEST_MODULUS: usize = 256;

/// The algorithms that tokens may be signed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Hs256,
    Rs256,
    Ps256,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// What verifies.
enum Material {
    Secret(hmac::Key),
    /// An uncompressed point, or the 32 bytes of Ed25519.
    Point(&'static dyn signature::VerificationAlgorithm, Vec<u8>),
    Rsa(&'static signature::RsaParameters, signature::RsaPublicKeyComponents<Vec<u8>>),
}

/// One key of the set.
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    material: Material,
}

/// The keys that tokens may be signed with.
pub(super) struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Set {
    keys: Vec<Jwk>,
}

/// A key as the set writes it. Members that we do not know are passed over, as RFC 7517 demands.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
}

impl Keys {
    /// The keys of a set. Keys for encryption and of kinds that we do not know are passed over.
    ///
    /// # Errors
    /// When it is no set, a key is weak or private, an id is there twice, or there is none left. The message holds no
    /// key's value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let set: Set = serde_json::from_str(text).map_err(|error| {
            format!("it is no JSON Web Key Set (line {}, column {})", error.line(), error.column())
        })?;
        let mut keys: Vec<Key> = Vec::new();
        for (at, jwk) in set.keys.into_iter().enumerate() {
            if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
                continue;
            }
            let Some(key) = Key::read(jwk).map_err(|why| format!("keys[{at}] {why}"))? else { continue };
            if keys.iter().any(|other| other.id == key.id) {
                return Err(format!("keys[{at}] has the kid of another key, or none as another"));
            }
            keys.push(key);
        }
        if keys.is_empty() {
            Err("it holds no key that could sign a token".to_owned())
        } else {
            Ok(Self(keys))
        }
    }

    /// What is logged of the keys: their ids and algorithms.
    pub(super) fn describe(&self) -> String {
        let one =
            |key: &Key| format!("{} ({})", key.id.as_deref().unwrap_or("no kid"), key.algorithm.as_str());
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Whether the key of that id signed the message by that algorithm. Without an id there has to be one key.
    pub(super) fn verify(
        &self,
        id: Option<&str>,
        algorithm: &str,
        message: &[u8],
        signed: &[u8],
    ) -> Result<(), TokenFault> {
        let key = match (id, self.0.as_slice()) {
            (None, [only]) => only,
            (None, _) => return Err(TokenFault::Key),
            (Some(_), keys) => keys.iter().find(|key| key.id.as_deref() == id).ok_or(TokenFault::Key)?,
        };
        if key.algorithm.as_str() != algorithm {
            return Err(TokenFault::Algorithm);
        }
        let verified = match &key.material {
            Material::Secret(secret) => hmac::verify(secret, message, signed),
            Material::Point(by, point) => {
                signature::UnparsedPublicKey::new(*by, point).verify(message, signed)
            }
            Material::Rsa(by, components) => components.verify(by, message, signed),
        };
        verified.map_err(|_| TokenFault::Signature)
    }
}

impl Key {
    /// The key, or none where it is of a kind that we do not know.
    fn read(jwk: Jwk) -> Result<Option<Self>, String> {
        let curve = jwk.crv.as_deref().unwrap_or_default();
        let (algorithm, material) = match (jwk.kty.as_str(), curve) {
            ("oct", _) => (Algorithm::Hs256, secret(jwk.k.as_deref())?),
            ("RSA" | "EC" | "OKP", _) if jwk.d.is_some() => {
                return Err("is a private key: give only public ones".to_owned());
            }
            ("RSA", _) if jwk.alg.as_deref() == Some("PS256") => {
                (Algorithm::Ps256, rsa(&jwk, &signature::RSA_PSS_2048_8192_SHA256)?)
            }
            ("RSA", _) => (Algorithm::Rs256, rsa(&jwk, &signature::RSA_PKCS1_2048_8192_SHA256)?),
            ("EC", "P-256") => (Algorithm::Es256, point(&jwk, &signature::ECDSA_P256_SHA256_FIXED, 32)?),
            ("EC", "P-384") => (Algorithm::Es384, point(&jwk, &signature::ECDSA_P384_SHA384_FIXED, 48)?),
            ("OKP", "Ed25519") => {
                let x = bytes("x", jwk.x.as_deref())?;
                if x.len() != 32 {
                    return Err("has an x that is not 32 bytes".to_owned());
                }
                (Algorithm::EdDsa, Material::Point(&signature::ED25519, x))
            }
            _ => return Ok(None),
        };
        match jwk.alg {
            Some(alg)
                if alg != algorithm.as_str() && !(alg == "Ed25519" && algorithm == Algorithm::EdDsa) =>
            {
                Err(format!(
                    "is for {alg}, which is not one of HS256, RS256, PS256, ES256, ES384, EdDSA, or not of its kind"
                ))
            }
            _ => Ok(Some(Self { id: jwk.kid, algorithm, material })),
        }
    }
}

fn secret(k: Option<&str>) -> Result<Material, String> {
    let k = bytes("k", k)?;
    if k.len() < SHORTEST_SECRET {
        return Err(format!("has a secret of less than {SHORTEST_SECRET} bytes"));
    }
    Ok(Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, &k)))
}

fn rsa(jwk: &Jwk, by: &'static signature::RsaParameters) -> Result<Material, String> {
    let (n, e) = (bytes("n", jwk.n.as_deref())?, bytes("e", jwk.e.as_deref())?);
    let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
    if n.len() < SHORTEST_MODULUS {
        return Err("is an RSA key of less than 2048 bits".to_owned());
    }
    Ok(Material::Rsa(by, signature::RsaPublicKeyComponents { n, e }))
}

fn point(
    jwk: &Jwk,
    by: &'static dyn signature::VerificationAlgorithm,
    size: usize,
) -> Result<Material, String> {
    let (x, y) = (bytes("x", jwk.x.as_deref())?, bytes("y", jwk.y.as_deref())?);
    if x.len() != size || y.len() != size {
        return Err(format!("has an x or y that is not {size} bytes"));
    }
    Ok(Material::Point(by, [&[4], x.as_slice(), y.as_slice()].concat()))
}

fn bytes(member: &str, text: Option<&str>) -> Result<Vec<u8>, String> {
    let text = text.ok_or_else(|| format!("lacks {member}"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("has an {member} that is not base64url"))
}
