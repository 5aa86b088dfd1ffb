//! Its identities.

use admittance::id::{IdentityId, UserId};
use admittance::identity::{Identities, Identity, IdentityKey, IdentityUse, Issuer, SubjectId};
use admittance::store::{IdentityLink, StoreError};
use admittance::time::Timestamp;
use admittance::user::User;

use super::Fault::*;
use super::values::cut;
use super::{Tables, WrongStore};

pub(super) fn cut_subject(identity: &mut Identity) {
    let mut text = identity.subject.as_str().to_owned();
    cut(&mut text, 64);
    identity.subject = SubjectId::parse(text).unwrap_or_else(|_| identity.subject.clone());
}

pub(super) fn owner<'t>(tables: &'t Tables, key: &IdentityKey) -> Option<&'t User> {
    let mut users = tables.users.values();
    users.find(|user| user.identities.by_key(key).is_some())
}

impl WrongStore {
    /// What it compares of an identity.
    fn compared(&self, identity: &Identity) -> IdentityKey {
        let (issuer, subject) = (identity.issuer.as_str(), identity.subject.as_str());
        let subject = match self.fault {
            FoldsSubjects => subject.to_uppercase().to_lowercase(),
            TrimsSubjects => subject.trim_end().to_owned(),
            _ => subject.to_owned(),
        };
        let issuer = match self.fault {
            IgnoresIssuers => "https://id.example.org",
            _ => issuer,
        };
        match (Issuer::parse(issuer), SubjectId::parse(subject)) {
            (Ok(issuer), Ok(subject)) => IdentityKey::of(&issuer, &subject),
            _ => identity.key(),
        }
    }

    fn same(&self, one: &Identity, other: &Identity) -> bool {
        self.compared(one) == self.compared(other)
    }

    pub(super) fn is_taken(&self, tables: &Tables, identity: &Identity) -> bool {
        let mut all = tables.users.values().flat_map(|user| &user.identities);
        all.any(|one| self.same(one, identity)) || tables.kept.contains(&identity.key())
    }

    /// Notes that the user has signed in with the identity, and returns whether that is good.
    pub(super) fn record_use(&self, user: &mut User, used: &IdentityUse, now: Timestamp) -> bool {
        if user.identities.by_key(&used.key).is_none() {
            return self.has(LoginIgnoresIdentity);
        }
        let note = |one: &Identity| {
            let mut one = one.clone();
            let is_the_one = one.key() == used.key || self.has(LoginUsesAllIdentities);
            let is_later = now >= one.last_used_at;
            if !is_the_one || self.has(LoginForgetsIdentity) {
                return one;
            }
            if is_later || self.has(TakesLastUseBack) {
                one.last_used_at = now;
            }
            if is_later || self.has(LateLoginSetsAddressBack) {
                let email = used.email.clone();
                let path = email
                    .as_ref()
                    .is_some_and(|it| it.as_str().starts_with('$'));
                let email = email.filter(|_| !(path && self.has(TakesDollarForPath)));
                one.email = email.or(one.email);
            }
            one
        };
        user.identities = user.identities.iter().map(note).collect();
        true
    }

    pub(super) async fn link(&self, id: UserId, version: u64, new: &Identity) -> IdentityLink {
        let check = |tables: &Tables| {
            let Some(user) = self.in_version(tables, id, version, LinkIgnoresVersion) else {
                return IdentityLink::Refused;
            };
            let mut own = user.identities.iter();
            let has = own.any(|one| self.same(one, new) || one.id == new.id);
            let is_full = user.identities.len() >= Identities::MAX;
            if has && !self.has(LinksTwice) || is_full && !self.has(LinksAnyNumber) {
                return IdentityLink::Refused;
            }
            match self.is_taken(tables, new) && !has && !self.has(LinksTakenIdentities) {
                true => IdentityLink::Taken,
                false => IdentityLink::Linked,
            }
        };
        let write = |tables: &mut Tables, outcome: IdentityLink| {
            if let (IdentityLink::Linked, Some(user)) = (outcome, tables.users.get_mut(&id)) {
                let mut new = new.clone();
                if self.has(CutsLinkedSubjects) {
                    cut_subject(&mut new);
                }
                if self.has(LinkForgetsTime) {
                    new.created_at = Timestamp::MIN;
                }
                user.identities = user.identities.iter().cloned().chain([new]).collect();
                user.version += u64::from(!self.has(LinkKeepsVersion));
            }
            outcome
        };
        self.act(ChecksThenLinks, check, write).await
    }

    pub(super) async fn unlink(
        &self,
        id: UserId,
        version: u64,
        identity: IdentityId,
    ) -> Result<Option<User>, StoreError> {
        let check = |tables: &Tables| {
            let user = self.in_version(tables, id, version, UnlinkIgnoresVersion)?;
            let others = user.identities.len() > 1 || self.has(UnlinksLastWayIn);
            let may = others || user.password_hash.is_some();
            let has = user.identities.get(identity).is_some();
            (may && (has || self.has(UnlinksFirst))).then_some(())
        };
        let write = |tables: &mut Tables, may: Option<()>| {
            let user = tables.users.get_mut(&id).filter(|_| may.is_some())?;
            let first = user.identities.iter().next().map(|one| one.id);
            let gone = match self.has(UnlinksFirst) {
                true => first?,
                false => identity,
            };
            let left = user.identities.iter().filter(|one| one.id != gone);
            let left = left.cloned().collect();
            if let (true, Some(one)) = (
                self.has(UnlinkedIdentityStaysTaken),
                user.identities.get(gone),
            ) {
                tables.kept.insert(one.key());
            }
            user.identities = left;
            user.version += u64::from(!self.has(UnlinkKeepsVersion));
            Some(user.clone())
        };
        Ok(self.act(ChecksThenUnlinks, check, write).await)
    }
}
