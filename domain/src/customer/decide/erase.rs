//! A person is forgotten: with this event the key of its personal fields is destroyed.

use super::{NewEvent, guard};
use crate::Context;
use crate::customer::command::Erase;
use crate::customer::event::{CustomerEvent, Erased};
use crate::refusal::Refusal;

pub(super) fn decide(command: &Erase, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([guard::supervises(context, ""), guard::identifier("ground", &command.ground)])?;
    let event = CustomerEvent::Erased(Erased { ground: command.ground.clone() });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}
