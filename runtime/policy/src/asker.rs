//! Whoever asks for a call, in Cedar's terms, beside the actions that the policies about it look at. Made for the first call of a method, and
//! kept until another caller makes one: most scripts call a method more than once. No decision may depend on whether it was kept.

use crate::{principal::Principal, schema::uid};
use cedar_policy::{Entities, Entity, EntityTypeName, EntityUid, RestrictedExpression};
use std::{
    collections::{HashMap, HashSet},
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

/// One caller of one method.
#[derive(Debug)]
pub(crate) struct Asker {
    principal: Principal,
    pub(crate) uid: EntityUid,
    pub(crate) entities: Entities,
}

/// The last one.
#[derive(Debug, Default)]
pub(crate) struct LastAsker(Mutex<Option<Arc<Asker>>>);

impl LastAsker {
    /// This caller, of a kind, in a context, beside these entities, which are the same each time.
    pub(crate) fn of(
        &self,
        principal: &Principal,
        kind: &EntityTypeName,
        context: &EntityUid,
        entities: &Entities,
    ) -> Result<Arc<Asker>, Box<dyn Error>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asker) = last.as_ref().filter(|asker| asker.principal == *principal) {
            return Ok(Arc::clone(asker));
        }
        let uid = uid(kind, principal.actor());
        let entity = entity(principal, uid.clone(), context)?;
        let asker = Arc::new(Asker {
            principal: principal.clone(),
            uid,
            entities: entities.clone().add_entities([entity], None)?,
        });
        *last = Some(Arc::clone(&asker));
        Ok(asker)
    }
}

fn entity(
    principal: &Principal,
    uid: EntityUid,
    context: &EntityUid,
) -> Result<Entity, Box<dyn Error>> {
    let user = principal.user().unwrap_or_default().to_owned();
    let claims = principal.claims().iter().cloned();
    let attributes = HashMap::from([
        ("user".to_owned(), RestrictedExpression::new_string(user)),
        (
            "claims".to_owned(),
            RestrictedExpression::new_set(claims.map(RestrictedExpression::new_string)),
        ),
    ]);
    Ok(Entity::new(
        uid,
        attributes,
        HashSet::from([context.clone()]),
    )?)
}
