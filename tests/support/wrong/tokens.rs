//! Its one-time tokens.

use admittance::id::UserId;
use admittance::store::{Insert, StoreError, TokenStore};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use async_trait::async_trait;

use super::Fault::*;
use super::values::{cut_email, cut_hash, cut_name};
use super::{Tables, WrongStore};

impl WrongStore {
    fn kept_token(&self, token: &OneTimeToken) -> OneTimeToken {
        let mut token = token.clone();
        if self.has(DropsRegistration) {
            token.registration = None;
        }
        if self.has(DropsSignIn) {
            token.sign_in = None;
        }
        if self.has(DropsFederation) {
            token.federation = None;
        }
        if let Some(pending) = &mut token.registration {
            match self.fault {
                CutsPendingHashes => cut_hash(&mut pending.password_hash),
                CutsPendingNames => cut_name(&mut pending.name),
                DropsExtra => pending.extra = admittance::extra::Extra::default(),
                _ => {}
            }
        }
        if self.has(CutsAddressesOfTokens) {
            cut_email(&mut token.email);
        }
        if self.has(TakesMailedForAccountEmail) {
            token.account.email = token.email.canonical().clone();
        }
        token
    }

    fn is_good(&self, token: &OneTimeToken, now: Timestamp) -> bool {
        token.is_live(now) || (self.has(TokensExpireLate) && now == token.expires_at)
    }
}

#[async_trait]
impl TokenStore for WrongStore {
    async fn insert_token(&self, token: &OneTimeToken) -> Result<Insert, StoreError> {
        let token = self.kept_token(token);
        let check = |tables: &Tables| {
            tables.tokens.contains_key(&token.digest) && !self.has(OverwritesTokens)
        };
        let write = |tables: &mut Tables, taken| match taken {
            true => Insert::Taken,
            false => {
                tables.tokens.insert(token.digest, token.clone());
                Insert::Inserted
            }
        };
        Ok(self.act(ChecksThenInsertsToken, check, write).await)
    }

    async fn token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let mut tables = self.tables();
        let found = tables.tokens.get(&digest).cloned();
        let Some(live) = found.filter(|token| self.is_good(token, now)) else {
            return Ok(None);
        };
        let fits = live.purpose == purpose || self.has(IgnoresPurpose);
        let spent = match self.fault {
            TakesTokenOut => fits,
            WrongPurposeSpendsToken => !fits,
            _ => false,
        };
        if spent {
            tables.tokens.remove(&digest);
        }
        Ok(fits.then_some(live))
    }

    async fn take_token(
        &self,
        digest: TokenDigest,
        purpose: TokenPurpose,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, StoreError> {
        let take = |tables: &Tables| {
            let found = tables.tokens.get(&digest).cloned();
            found.filter(|token| {
                (token.purpose == purpose || self.has(TakesTokensOfAnyPurpose))
                    && (token.is_live(now) || self.has(TakesExpiredTokens))
            })
        };
        let write = |tables: &mut Tables, taken: Option<OneTimeToken>| {
            if taken.is_some() && !self.has(LeavesTakenTokens) {
                tables.tokens.remove(&digest);
            }
            taken
        };
        Ok(self.act(ReadsThenTakesToken, take, write).await)
    }

    async fn tokens_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<OneTimeToken>, StoreError> {
        let tables = self.tables();
        let mine = |token: &&OneTimeToken| {
            (token.account.id == user || self.has(ListsTokensOfAll))
                && (self.is_good(token, now) || self.has(ListsExpiredTokens))
        };
        let mut listed: Vec<OneTimeToken> = tables.tokens.values().filter(mine).cloned().collect();
        listed.sort_by_key(|token| token.created_at);
        if !self.has(ListsOldestTokensFirst) {
            listed.reverse();
        }
        Ok(listed)
    }

    async fn remove_tokens(
        &self,
        user: UserId,
        purpose: Option<TokenPurpose>,
        made_until: Timestamp,
    ) -> Result<u64, StoreError> {
        let purpose = purpose.filter(|_| !self.has(RemovesEveryPurpose));
        let list = |tables: &Tables| {
            let mine = |token: &&OneTimeToken| {
                (token.account.id == user || self.has(RemovesTokensOfAll))
                    && purpose.is_none_or(|purpose| token.purpose == purpose)
                    && (token.created_at <= made_until || self.has(RemovesLaterTokens))
            };
            let meant = tables.tokens.values().filter(mine);
            meant.map(|token| token.digest).collect::<Vec<_>>()
        };
        let write = |tables: &mut Tables, digests: Vec<TokenDigest>| {
            for digest in &digests {
                tables.tokens.remove(digest);
            }
            digests.len() as u64
        };
        Ok(self.act(ListsThenRemovesTokens, list, write).await)
    }
}
