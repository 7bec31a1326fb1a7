//! `waymark witness`: cosigns the heads of logs of others, as long as they only grow.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use waymark_eventstore::ledger::{Cosigner, Verifier};

use super::serve::{bind, stop_signal};
use super::{Failure, output};
use crate::ambient::{random_bytes, random_ids, system_clock};
use crate::config::ProxyArgs;
use crate::public_keys;
use crate::serving;
use crate::witness::{Witness as Judge, router};

/// How many connections it takes at a time: a log needs one.
const CONNECTIONS: usize = 256;

/// Witness the logs of others: cosign their heads as long as they only grow (C2SP tlog-witness).
#[derive(Debug, Args)]
pub(super) struct Witness {
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The origin of a log, such as `waymark/0190…`. May be given several times.
    #[arg(long, required = true)]
    origin: Vec<String>,
    /// The public key that signs the heads of these logs (name+id+key), or a file with it. May be given several times, and a file
    /// may have several: a head is cosigned that any of them signed. While the key of a log is changed, give the old one and the new.
    #[arg(long, required = true)]
    public_key: Vec<String>,
    /// The name under which it cosigns, such as an address without the scheme.
    #[arg(long, default_value = "witness")]
    name: String,
    /// What it has seen of each log. Keep it: a witness that forgets cosigns a log that was rolled back.
    #[arg(long, default_value = "waymark.witness")]
    state: PathBuf,
    /// The file with its own key, made where there is none.
    #[arg(long, default_value = "waymark.witness.key")]
    key: PathBuf,
}

impl Witness {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.name.is_empty() || self.name.contains(|sign: char| sign.is_whitespace() || sign == '+') {
            return Err("the name must not be empty, nor contain spaces or +".into());
        }
        let verifiers = self.verifiers()?;
        let cosigner = Cosigner::new(&self.name, &secret(&self.key)?);
        let witness = Arc::new(Judge::open(cosigner, verifiers, self.state)?);
        let listener = bind(self.listen).await?;
        output::remark(&format!("witnessing on http://{}", listener.local_addr()?));
        output::remark("the key that checks its cosignatures:");
        output::say(&witness.vkey());
        let (router, proxies) = (router(witness, system_clock()), ProxyArgs::default());
        serving::serve(listener, router, random_ids(), CONNECTIONS, proxies, None, stop_signal()).await;
        Ok(())
    }

    /// What checks the heads of each log: its own keys, or else the one that signs the logs of all tenants of an installation.
    fn verifiers(&self) -> Result<Vec<Vec<Verifier>>, Failure> {
        let mut keys = Vec::new();
        for given in &self.public_key {
            let found = public_keys::given(given);
            if found.is_empty() {
                return Err(format!("{given} is no public key (name+id+key)").into());
            }
            keys.extend(found);
        }
        let of = |origin: &String| match public_keys::of_log(&keys, origin) {
            none if none.is_empty() => Err(format!("none of the public keys is that of {origin}").into()),
            keys => Ok(keys),
        };
        self.origin.iter().map(of).collect()
    }
}

/// The secret of the witness, made for its owner's eyes only where there is none.
fn secret(path: &Path) -> Result<[u8; 32], Failure> {
    let named = |error: std::io::Error| format!("the key file {}: {error}", path.display());
    match std::fs::read(path) {
        Ok(bytes) => {
            bytes.try_into().map_err(|_| format!("the key file {} is not 32 bytes", path.display()).into())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret: [u8; 32] = random_bytes();
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut out = options.open(path).map_err(named)?;
            std::io::Write::write_all(&mut out, &secret).and_then(|()| out.sync_all()).map_err(named)?;
            Ok(secret)
        }
        Err(error) => Err(named(error).into()),
    }
}
