//! What a stage wants shown before a customer stands in it, and whether a command shows it.
//!
//! Whichever command brings a customer into a stage answers to this: a move, a request when it is approved, a reactivation, a
//! registration, a correction of the target, a step entered late. Rules and bulk are these commands. What only says where a
//! customer stands already is asked for nothing: another definition, the stage of a merged customer, which was shown when that
//! one entered it. An override says in its event what it passed over. Nor is the past asked: an import, and what those who
//! supervise tell of it when they register, correct or reactivate ([`wanted_of_who_tells`]).

use uuid::Uuid;

use super::{document, guard};
use crate::customer::command::AddDocument;
use crate::customer::event::Evidence;
use crate::customer::purchases::Transaction;
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::{EvidenceKind, Stage, demanded_evidence};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

const MAX_EVIDENCE: usize = 10;

const MAX_REFERENCE_CHARS: usize = 300;

/// What a command shows, held against the stage that it leads to.
pub(in crate::customer::decide) struct Proof<'a> {
    /// None while it is being registered.
    customer: Option<&'a Customer>,
    stage: Option<&'a Stage>,
    sub_status: Option<&'a str>,
    documents: &'a [AddDocument],
    /// What it names, the documents that it brings of the kinds that the stage takes, and what the customer did that shows the
    /// same.
    pub(in crate::customer::decide) evidence: Vec<Evidence>,
}

impl<'a> Proof<'a> {
    pub(in crate::customer::decide) fn of(
        customer: Option<&'a Customer>,
        (stage, sub_status): (Option<&'a Stage>, Option<&'a str>),
        evidence: &[Evidence],
        documents: &'a [AddDocument],
    ) -> Self {
        let named = Self { customer, stage, sub_status, documents, evidence: evidence.to_vec() };
        let takes = |document: &&AddDocument| named.kinds().any(|kind| kind.kind == document.kind);
        let brought: Vec<Evidence> = documents.iter().filter(takes).map(as_evidence).collect();
        let evidence = named.evidence.iter().cloned().chain(brought).collect();
        Self { evidence, ..named }
    }

    /// What stage and sub-status take.
    fn kinds(&self) -> impl Iterator<Item = &'a EvidenceKind> + use<'a> {
        let sub_status = self.sub_status;
        self.stage.into_iter().flat_map(move |stage| stage.evidence(sub_status))
    }

    /// With what the customer did in this cycle that is as good as documents of these kinds, where nothing of a kind is shown.
    pub(in crate::customer::decide) fn with_transactions(
        mut self,
        journey: &str,
        from: Option<&Stay>,
        kinds: impl Iterator<Item = &'a EvidenceKind>,
    ) -> Self {
        let Some(customer) = self.customer else { return self };
        let unshown = kinds.filter(|kind| !self.evidence.iter().any(|given| given.kind == kind.kind));
        let shown = unshown.filter_map(|kind| Some((kind, transaction(customer, journey, from, kind)?)));
        let bought = shown.map(|(kind, shows)| Evidence {
            kind: kind.kind.clone(),
            reference: shows.id.to_string(),
            sha256: None,
        });
        let bought: Vec<Evidence> = bought.collect();
        self.evidence.extend(bought);
        self
    }

    /// Everything that is wrong with it, where these kinds are wanted.
    pub(in crate::customer::decide) fn unmet(
        &self,
        wanted: impl Iterator<Item = &'a EvidenceKind>,
        context: &Context<'_>,
    ) -> Vec<Violation> {
        [
            without_evidence(wanted, &self.evidence),
            self.well_formed(),
            document::each_well_formed(self.documents),
            self.on_record(context),
        ]
        .concat()
    }

    /// Evidence is well-formed, and such as the stage takes.
    pub(in crate::customer::decide) fn well_formed(&self) -> Vec<Violation> {
        let mut unmet = guard::at_most("evidence", self.evidence.len(), MAX_EVIDENCE);
        let kinds: Vec<&EvidenceKind> = self.kinds().collect();
        for (n, given) in self.evidence.iter().enumerate() {
            let field = format!("evidence[{n}]");
            let taken = kinds.is_empty() || kinds.iter().any(|kind| kind.kind == given.kind);
            unmet.extend(guard::identifier(&format!("{field}.kind"), &given.kind));
            unmet.extend(guard::line(&format!("{field}.reference"), &given.reference, MAX_REFERENCE_CHARS));
            unmet.extend(require(taken, || not_taken(&field)));
            unmet.extend(
                given.sha256.iter().flat_map(|sha256| document::digest(&format!("{field}.sha256"), sha256)),
            );
        }
        unmet
    }

    /// What names a document by its id names one of the customer's record, of that kind and digest, or a transaction that shows
    /// the same; and so does everything that the stage wants on record.
    pub(in crate::customer::decide) fn on_record(&self, context: &Context<'_>) -> Vec<Violation> {
        let wanted = |given: &Evidence| {
            let mut kinds = self.kinds().filter(|kind| kind.kind == given.kind);
            kinds.any(|kind| kind.on_record) && !context.import
        };
        let known = |given: &Evidence| match Uuid::try_parse(&given.reference) {
            Ok(id) => self.knows(id, given),
            Err(_) if wanted(given) => given.sha256.is_some() && self.has_such_a_document(given),
            Err(_) => true,
        };
        let unknown = self.evidence.iter().enumerate().filter(|(_, given)| !known(given));
        unknown.map(|(n, given)| not_on_record(n, given)).collect()
    }

    /// Whether an id is that of something that shows what it is given for.
    fn knows(&self, id: Uuid, given: &Evidence) -> bool {
        let shows = |one: &Transaction| {
            let mut kinds = self.kinds().filter(|kind| kind.kind == given.kind);
            one.voided_by.is_none() && kinds.any(|kind| kind.transaction == Some(one.kind))
        };
        let brought = self.documents.iter().any(|document| document.id == id);
        let recorded = self.customer.is_some_and(|customer| {
            customer.documents.get(&id).is_some_and(|document| is_same(document, given))
                || customer.purchases.transaction(id).is_some_and(shows)
        });
        brought || recorded
    }

    fn has_such_a_document(&self, given: &Evidence) -> bool {
        let mut documents = self.customer.into_iter().flat_map(|customer| customer.documents.values());
        documents.any(|document| is_same(document, given))
    }
}

/// Whether a document of the record, kind and digest, is what is given.
fn is_same((kind, sha256): &(String, String), given: &Evidence) -> bool {
    *kind == given.kind && given.sha256.as_ref().is_none_or(|said| said == sha256)
}

fn as_evidence(document: &AddDocument) -> Evidence {
    Evidence {
        kind: document.kind.clone(),
        reference: document.id.to_string(),
        sha256: Some(document.sha256.clone()),
    }
}

/// Whether somebody may tell where a customer stands without showing it: an import, and those who supervise and could override.
pub(in crate::customer::decide) fn is_believed(context: &Context<'_>) -> bool {
    context.import || context.actor.supervises()
}

/// What is wanted of somebody who does not move a customer but tells where it stands, in a registration, a correction or a
/// reactivation: of an import nothing, of who supervises nothing but what the sub-status wants, and of everybody else what a move
/// would show. Where the customer is told to stand at the door of the pipeline, or stood in the stage already, only the
/// sub-status wants something.
pub(in crate::customer::decide) fn wanted_of_who_tells<'a>(
    (stage, sub_status): (Option<&'a Stage>, Option<&'a str>),
    is_there_already: bool,
    context: &Context<'_>,
) -> Vec<&'a EvidenceKind> {
    let Some(stage) = stage.filter(|_| !context.import) else { return Vec::new() };
    match is_there_already || is_believed(context) {
        true => stage.finer_evidence(sub_status).collect(),
        false => stage.evidence(sub_status).collect(),
    }
}

/// The last transaction of this cycle that shows the same as a document of a kind. What was bought in an earlier cycle shows
/// nothing of this one.
pub(in crate::customer) fn transaction<'a>(
    customer: &'a Customer,
    journey: &str,
    from: Option<&Stay>,
    kind: &EvidenceKind,
) -> Option<&'a Transaction> {
    let later = from.filter(|from| from.cycle > 1);
    let stays = customer.journeys.stays(journey).iter();
    let began = later
        .and_then(|from| stays.filter(|stay| stay.cycle == from.cycle).map(|stay| stay.entered_at).min());
    let recorded = customer.purchases.transactions().iter().rev();
    recorded
        .filter(|one| Some(one.kind) == kind.transaction && one.amount.is_some() && one.voided_by.is_none())
        .find(|one| began.is_none_or(|began| one.at >= began))
}

/// What of these kinds must be shown and was not.
pub(in crate::customer::decide) fn without_evidence<'a>(
    kinds: impl Iterator<Item = &'a EvidenceKind>,
    given: &[Evidence],
) -> Vec<Violation> {
    let shown = |kind: &&EvidenceKind| given.iter().any(|document| document.kind == kind.kind);
    let missing = demanded_evidence(kinds).into_iter().filter(|group| !group.iter().any(shown));
    missing.map(|group| unshown(&group)).collect()
}

/// Nothing of a group was shown.
fn unshown(group: &[&EvidenceKind]) -> Violation {
    if let [alone] = group {
        return guard::without_evidence(alone, "evidence");
    }
    let names = |of: fn(&Label) -> &str| group.iter().map(|kind| of(&kind.name)).collect::<Vec<_>>();
    let (zh, en) = (names(|name| &name.zh).join("、"), names(|name| &name.en).join(", "));
    Violation::new(
        Code::EvidenceRequired,
        "evidence",
        Label::new(
            format!("进入该状态需要以下凭证之一：{zh}。"),
            format!("This stage requires one of these: {en}."),
        ),
        Label::new(
            "请附上其中一份文件，或先记录相应的合同或收款。",
            "Attach one of them, or record the contract or payment that shows it.",
        ),
    )
    .with("any_of", group.iter().map(|kind| kind.kind.clone()).collect::<Vec<_>>())
}

fn not_taken(field: &str) -> Violation {
    Violation::new(
        Code::UnknownEvidence,
        format!("{field}.kind"),
        Label::new("该状态不接受此类凭证。", "The stage does not accept this type of evidence."),
        Label::new("请从状态的凭证列表中选择。", "Choose one of the stage's evidence types."),
    )
}

fn not_on_record(n: usize, given: &Evidence) -> Violation {
    Violation::new(
        Code::UnknownEvidence,
        format!("evidence[{n}].reference"),
        Label::new(
            "客户资料中没有这份凭证，或类型、摘要不符。",
            "The customer's record has no such document, or its kind or digest differs.",
        ),
        Label::new(
            "请先添加文件，或在documents中随本次变更提交。",
            "Add the document first, or send it along in documents.",
        ),
    )
    .with("kind", given.kind.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::{Amendment, Correct, Merge, Reactivate, Register, SuppliedEvidence};
    use crate::customer::decide::spec::*;
    use crate::customer::event::{
        CustomerEvent, Money, OnConflict, Registered, StagePolicy, TransactionRecorded,
    };
    use crate::customer::event::{TransactionKind, TransactionVoided};
    use crate::pipeline::templates;
    use crate::{Owner, Pipeline};

    const RECEIPT: &str = "quote_receipt_confirmed";

    /// A customer of li in landian-6, whose quotes want a receipt on record.
    fn in_landian(stage: &str) -> CustomerEvent {
        let (pipeline, stage) = ("landian-6".to_owned(), stage.to_owned());
        CustomerEvent::Registered(Registered {
            pipeline,
            stage,
            owner: Owner::Rep("li".into()),
            ..registered()
        })
    }

    fn within_landian(from: &str, to: &str) -> CustomerEvent {
        let CustomerEvent::Moved(made) = moved(from, to) else { unreachable!() };
        let made = crate::customer::event::Moved { journey: "landian-6".to_owned(), ..made };
        CustomerEvent::Moved(made)
    }

    fn papers(kind: &str) -> SuppliedEvidence {
        let document = AddDocument {
            id: Uuid::from_u128(77),
            kind: kind.to_owned(),
            name: None,
            reference: "dms-1".to_owned(),
            sha256: "0f".repeat(32),
        };
        SuppliedEvidence { documents: vec![document], ..SuppliedEvidence::default() }
    }

    fn words(kind: &str, reference: &str) -> SuppliedEvidence {
        let evidence = vec![Evidence { kind: kind.into(), reference: reference.into(), sha256: None }];
        SuppliedEvidence { evidence, ..SuppliedEvidence::default() }
    }

    fn paid() -> CustomerEvent {
        CustomerEvent::TransactionRecorded(TransactionRecorded {
            kind: TransactionKind::Payment,
            reference: None,
            amount: Money { amount: 1.into(), currency: "CNY".to_owned() },
            note: None,
        })
    }

    fn kinds_shown(event: &CustomerEvent) -> Vec<&str> {
        let evidence = match event {
            CustomerEvent::Registered(event) => &event.evidence,
            CustomerEvent::Reactivated(event) => &event.evidence,
            CustomerEvent::MoveTargetCorrected(event) => &event.evidence,
            CustomerEvent::MoveInserted(event) => &event.evidence,
            CustomerEvent::Moved(event) => &event.evidence,
            event => panic!("{event:?}"),
        };
        evidence.iter().map(|given| given.kind.as_str()).collect()
    }

    /// What it is refused with in words, as a document of another kind, and accepted with as the receipt: in the event, and on
    /// the record beside it.
    #[track_caller]
    fn wants_the_receipt<C: Into<crate::customer::Command>>(
        story: impl Fn() -> Spec,
        command: impl Fn(SuppliedEvidence) -> C,
    ) {
        let refusal = story().when(command(SuppliedEvidence::default())).refuses([Code::EvidenceRequired]);
        assert_eq!(refusal.violations[0].data["kind"], RECEIPT);
        story().when(command(words(RECEIPT, "in the drawer"))).refuses([Code::UnknownEvidence]);
        story()
            .when(command(words("contract", "c-1")))
            .refuses([Code::EvidenceRequired, Code::UnknownEvidence]);
        story().when(command(papers("contract"))).refuses([Code::EvidenceRequired]);
        let [event, added] = story().when(command(papers(RECEIPT))).both();
        assert_eq!(kinds_shown(&event), [RECEIPT]);
        assert!(matches!(added, CustomerEvent::DocumentAdded(document) if document.kind == RECEIPT));
    }

    fn registering(stage: &str) -> Register {
        Register {
            customer: customer_id(),
            pipeline: "landian-6".to_owned(),
            owner: Some(Owner::Rep("li".into())),
            stage: Some(stage.to_owned()),
            ..Register::default()
        }
    }

    fn quoted(shown: SuppliedEvidence) -> Register {
        Register { shown, ..registering("quoted") }
    }

    #[test]
    fn a_registration_is_no_way_around_what_a_stage_wants_shown() {
        wants_the_receipt(|| given([]), quoted);
        // The past is told by imports and by those who supervise.
        given([]).on_import().when(quoted(SuppliedEvidence::default())).event();
        given([]).by(wang()).when(quoted(SuppliedEvidence::default())).event();
    }

    #[test]
    fn nobody_is_asked_at_the_door_of_a_pipeline_but_for_what_the_sub_status_wants() {
        let mut pipeline = templates()[1].install("landian-6");
        pipeline.entry_stage = "quoted".to_owned();
        given([]).with_pipeline(pipeline.clone()).when(quoted(SuppliedEvidence::default())).event();
        pipeline.entry_stage = "need_confirmed".to_owned();
        let interested = |shown| Register {
            sub_status: Some("interested".into()),
            shown,
            ..registering("need_confirmed")
        };
        for actor in [li(), wang()] {
            let spec = || given([]).with_pipeline(pipeline.clone()).by(actor.clone());
            spec().when(interested(SuppliedEvidence::default())).refuses([Code::EvidenceRequired]);
            let [registered, _] = spec().when(interested(papers("intent_stated"))).both();
            assert_eq!(kinds_shown(&registered), ["intent_stated"]);
        }
    }

    #[test]
    fn a_registration_further_on_says_what_the_stage_must_know() {
        let following = |fields: &[&str]| Register {
            pipeline: "lifecycle-5".into(),
            fields: Some(fields.iter().map(|key| ((*key).to_owned(), "x".into())).collect()),
            ..registering("following")
        };
        let refusal = given([]).when(following(&[])).refuses([Code::FieldRequired]);
        assert_eq!(refusal.violations[0].field, "needs");
        given([]).when(following(&["needs"])).event();
        given([]).by(wang()).when(following(&[])).event();
        given([]).on_import().when(following(&[])).event();
    }

    fn target(to: &str, shown: SuppliedEvidence) -> Correct {
        correct(Some(event_id(3)), Amendment::Target { to: to.to_owned(), sub_status: None }, shown)
    }

    fn correct(corrects: Option<Uuid>, change: Amendment, shown: SuppliedEvidence) -> Correct {
        Correct {
            corrects,
            change,
            reason: "meant the other".to_owned(),
            on_conflict: OnConflict::Reject,
            shown,
        }
    }

    /// First contact on day 0, need confirmed on day 1, paused on day 2.
    fn paused() -> Spec {
        let moves =
            [within_landian("first_contact", "need_confirmed"), within_landian("need_confirmed", "paused")];
        given(std::iter::once(in_landian("first_contact")).chain(moves))
    }

    #[test]
    fn a_corrected_target_is_no_way_around_what_a_stage_wants_shown() {
        wants_the_receipt(paused, |shown| target("quoted", shown));
        paused().by(wang()).when(target("quoted", SuppliedEvidence::default())).event();
        paused().when(target("to_reactivate", SuppliedEvidence::default())).event();
    }

    #[test]
    fn a_registration_that_is_corrected_into_a_stage_is_asked_as_one_into_it() {
        let only = || given([in_landian("first_contact")]);
        let into = |to: &str, shown| {
            correct(Some(event_id(1)), Amendment::Target { to: to.to_owned(), sub_status: None }, shown)
        };
        wants_the_receipt(only, |shown| into("quoted", shown));
        let mut pipeline = templates()[1].install("landian-6");
        pipeline.entry_stage = "quoted".to_owned();
        only().with_pipeline(pipeline).when(into("quoted", SuppliedEvidence::default())).event();
    }

    #[test]
    fn a_step_entered_late_is_no_way_around_what_a_stage_wants_shown() {
        let story =
            || given([in_landian("first_contact"), within_landian("first_contact", "need_confirmed")]);
        let step = |shown| {
            let change = Amendment::Insert { to: "quoted".into(), sub_status: None, moved_at: day(8) };
            correct(None, change, shown)
        };
        wants_the_receipt(story, step);
        story().by(wang()).when(step(SuppliedEvidence::default())).event();
    }

    #[test]
    fn a_correction_to_another_sub_status_asks_for_that_alone() {
        let story = || {
            let moves = [("first_contact", "need_confirmed"), ("need_confirmed", "quoted")];
            let moves = moves.map(|(from, to)| within_landian(from, to));
            given(std::iter::once(in_landian("first_contact")).chain(moves))
        };
        let finer = |sub_status: &str| {
            let sub_status = Some(sub_status.to_owned());
            correct(
                Some(event_id(3)),
                Amendment::Target { to: "quoted".into(), sub_status },
                SuppliedEvidence::default(),
            )
        };
        story().when(finer("comparing_prices")).event();
    }

    /// landian-6, where a quoted customer has paid a deposit or shows its receipt.
    fn deposits() -> Pipeline {
        let mut pipeline = templates()[1].install("landian-6");
        let quoted = pipeline.stages.iter_mut().find(|stage| stage.id == "quoted").unwrap();
        quoted.entry_form.evidence[0].transaction = Some(TransactionKind::Payment);
        quoted.entry_form.fields = vec!["tier".to_owned()];
        pipeline
    }

    #[test]
    fn a_payment_shows_it_to_a_correction_and_one_that_was_voided_does_not() {
        let events = || {
            let moves = [
                within_landian("first_contact", "need_confirmed"),
                within_landian("need_confirmed", "paused"),
            ];
            std::iter::once(in_landian("first_contact")).chain(moves).chain([paid()])
        };
        let event = given(events())
            .with_pipeline(deposits())
            .when(target("quoted", SuppliedEvidence::default()))
            .event();
        assert_eq!(kinds_shown(&event.event), [RECEIPT]);
        let void = CustomerEvent::TransactionVoided(TransactionVoided {
            transaction: event_id(4),
            reason: crate::Personal::Sealed,
        });
        let spec = given(events().chain([void])).with_pipeline(deposits());
        spec.when(target("quoted", SuppliedEvidence::default())).refuses([Code::EvidenceRequired]);
    }

    #[test]
    fn a_reactivation_is_no_way_around_what_a_stage_wants_shown_or_known() {
        let back =
            |to: &str, shown| Reactivate { to: to.to_owned(), reason: "a new budget".to_owned(), shown };
        let story = || given([in_landian("first_contact"), within_landian("first_contact", "to_reactivate")]);
        wants_the_receipt(story, |shown| back("quoted", shown));
        story().by(wang()).when(back("quoted", SuppliedEvidence::default())).event();
        story().on_import().when(back("quoted", SuppliedEvidence::default())).event();
        let before = [in_landian("first_contact"), paid(), within_landian("first_contact", "to_reactivate")];
        let spec = given(before).with_pipeline(deposits());
        let unmet = [Code::EvidenceRequired, Code::FieldRequired];
        spec.when(back("quoted", SuppliedEvidence::default())).refuses(unmet);
    }

    #[test]
    fn a_payment_that_was_voided_since_the_request_does_not_carry_the_approval() {
        use crate::actor::Role;
        use crate::customer::command::{Decision, Settle};
        use crate::customer::event::TransitionRequested;
        let asked = CustomerEvent::TransitionRequested(TransitionRequested {
            journey: "landian-6".to_owned(),
            pipeline_version: 1,
            from: "need_confirmed".to_owned(),
            to: "quoted".to_owned(),
            sub_status: None,
            reason: None,
            reason_text: None,
            note: None,
            next_step: None,
            evidence: words(RECEIPT, &event_id(2).to_string()).evidence,
            postponed_until: None,
            won_amount: None,
            roles: vec![Role::Manager],
            effective: crate::pipeline::ApprovedAt::Approval,
            expires_at: day(30),
        });
        let void = CustomerEvent::TransactionVoided(TransactionVoided {
            transaction: event_id(2),
            reason: crate::Personal::Sealed,
        });
        let mut pipeline = deposits();
        pipeline.stages.iter_mut().for_each(|stage| stage.entry_form.fields.clear());
        let approve =
            Settle { request: event_id(3), decision: Decision::Approve, note: None, proposed: None };
        let story = |more: Option<CustomerEvent>| {
            let events = [in_landian("need_confirmed"), paid(), asked.clone()];
            given(events.into_iter().chain(more)).with_pipeline(pipeline.clone()).by(wang())
        };
        story(None).when(approve.clone()).both();
        story(Some(void)).when(approve).refuses([Code::UnknownEvidence]);
    }

    #[test]
    fn the_stage_of_a_merged_customer_was_shown_when_that_one_entered_it() {
        let ours = given([in_landian("first_contact")]);
        let CustomerEvent::Registered(theirs) = in_landian("first_contact") else { unreachable!() };
        let theirs = CustomerEvent::Registered(Registered { customer: OTHER, ..theirs });
        let moves =
            [within_landian("first_contact", "need_confirmed"), within_landian("need_confirmed", "quoted")];
        let theirs = given(std::iter::once(theirs).chain(moves)).customer.unwrap();
        let command = Merge { absorbed: OTHER, stage_policy: StagePolicy::Furthest, reason: None };
        let known = crate::customer::known::CustomerDetails::default();
        let survivor = ours.customer.clone().unwrap();
        let merged =
            crate::customer::decide::merge(&survivor, &theirs, (&known, &known), &command, &ours.context());
        let events = merged.unwrap().one;
        assert!(matches!(&events[1].event, CustomerEvent::Moved(made) if made.to == "quoted"), "{events:?}");
    }
}
