//! Whether the documents given with a move are well-formed and such as the stage takes.

use crate::Label;
use crate::customer::command::Transition;
use crate::customer::decide::guard;
use crate::pipeline::Stage;
use crate::refusal::{Code, Violation, require};

const MAX_EVIDENCE: usize = 10;

const MAX_REFERENCE_CHARS: usize = 300;

pub(in crate::customer::decide) fn evidence_well_formed(
    stage: Option<&Stage>,
    command: &Transition,
) -> Vec<Violation> {
    let mut unmet = guard::at_most("evidence", command.evidence.len(), MAX_EVIDENCE);
    for (n, given) in command.evidence.iter().enumerate() {
        let field = format!("evidence[{n}]");
        let known = |stage: &Stage| {
            let mut kinds = stage.evidence(command.sub_status.as_deref()).peekable();
            kinds.peek().is_none() || kinds.any(|kind| kind.kind == given.kind)
        };
        unmet.extend(guard::identifier(&format!("{field}.kind"), &given.kind));
        unmet.extend(guard::line(&format!("{field}.reference"), &given.reference, MAX_REFERENCE_CHARS));
        unmet.extend(require(stage.is_none_or(known), || {
            Violation::new(
                Code::UnknownEvidence,
                format!("{field}.kind"),
                Label::new("该状态不接受此类凭证。", "The stage does not accept this type of evidence."),
                Label::new("请从状态的凭证列表中选择。", "Choose one of the stage's evidence types."),
            )
        }));
        let lower_hex = |digest: &String| {
            digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        unmet.extend(require(given.sha256.as_ref().is_none_or(lower_hex), || {
            Violation::new(
                Code::InvalidDigest,
                format!("{field}.sha256"),
                Label::new(
                    "摘要须为64位小写十六进制。",
                    "The digest must be 64 lowercase hexadecimal characters.",
                ),
                Label::new("请检查SHA-256摘要。", "Check the SHA-256 digest."),
            )
        }));
    }
    unmet
}
