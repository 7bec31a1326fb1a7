//! Who cosigns the heads of the logs.

use std::str::FromStr;

use waymark_eventstore::ledger::CosignatureVerifier;

use crate::outbound::client::Target;

/// A witness as the settings name it: `https://witness.example/w1#name+id+key`.
#[derive(Debug, Clone)]
pub struct WitnessTarget {
    /// Its submission prefix.
    pub(crate) url: String,
    /// Where checkpoints are posted.
    pub(crate) target: Target,
    /// What checks its cosignatures.
    pub(crate) verifier: CosignatureVerifier,
}

impl FromStr for WitnessTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not URL#KEY, such as https://witness.example/w1#witness.example/w1+6c9a2f10+BHk…"
            )
        };
        let (url, vkey) = text.split_once('#').ok_or_else(wrong)?;
        let url = url.trim_end_matches('/').to_owned();
        let target = Target::parse(&format!("{url}/add-checkpoint")).ok_or_else(wrong)?;
        let verifier = CosignatureVerifier::from_vkey(vkey).ok_or_else(wrong)?;
        Ok(Self { url, target, verifier })
    }
}

impl std::fmt::Display for WitnessTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.url, self.verifier.to_vkey())
    }
}

#[cfg(test)]
mod tests {
    use waymark_eventstore::ledger::{Cosigner, Signer};

    use super::*;

    #[test]
    fn a_witness_is_named_by_its_address_and_its_key() {
        let vkey = Cosigner::new("witness.example/w1", &[5; 32]).verifier().to_vkey();
        let text = format!("https://witness.example/w1#{vkey}");
        assert_eq!(text.parse::<WitnessTarget>().unwrap().to_string(), text);
        let log = Signer::new("witness.example/w1", &[5; 32]).verifier().to_vkey();
        let wrong = [
            vkey.clone(),
            format!("witness.example#{vkey}"),
            format!("https://w.example#{log}"),
            "https://w.example#".to_owned(),
        ];
        for text in wrong {
            assert!(text.parse::<WitnessTarget>().is_err(), "{text}");
        }
    }
}
