//! Proofs, as a list in the record that they belong to.

use ::mongodb::bson::{Bson, doc};

use super::document::{Record, date};
use crate::proof::{Proof, Proofs};
use crate::store::StoreError;
use crate::time::Timestamp;

pub(super) fn to_list(proofs: &Proofs) -> Vec<Bson> {
    proofs
        .iter()
        .map(|proof| doc! { "method": proof.method.as_str(), "at": date(proof.at) }.into())
        .collect()
}

/// Reads the field `proofs`, if it is present. A proof by a method that is not known here
/// is left out: a later version has written it.
pub(super) fn read(record: &Record<'_>) -> Result<Option<Proofs>, StoreError> {
    let Some(list) = record.optional_list("proofs")? else {
        return Ok(None);
    };
    let corrupt = || record.corrupt("proofs", "has something that is no proof");
    let read = |item: &Bson| {
        let item = item.as_document()?;
        let at = item.get_datetime("at").ok()?.timestamp_millis();
        let method = item.get_str("method").ok()?.parse().ok();
        Some((method, Timestamp::from_millis(at)))
    };
    let mut known = Vec::new();
    for item in list {
        let (method, at) = read(item).ok_or_else(corrupt)?;
        known.extend(method.map(|method| Proof { method, at }));
    }
    Ok(Some(known.into_iter().collect()))
}
