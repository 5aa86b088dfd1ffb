//! Sessions in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::expiring::STEP;
use crate::id::{SessionId, UserId};
use crate::session::{Rotation, RotationPolicy, Session};
use crate::store::{Insert, SessionStore, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl SessionStore for MemoryStore {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        let now = session.created_at;
        self.write_sessions().insert(session.clone(), now)
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let sessions = self.read_sessions();
        let live = sessions.get(id).filter(|session| session.is_live(now));
        Ok(live.cloned())
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sessions = self.read_sessions();
        let live = sessions.below(user, after);
        let live = live.filter(|session| session.is_live(now));
        Ok(live.take(limit).cloned().collect())
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let mut sessions = self.write_sessions();
        sessions.sweep(now, STEP);
        let Some(session) = sessions.get_mut(id) else {
            return Ok(Rotation::Gone);
        };
        let rotation = session.clone().rotate(presented, policy, now);
        match &rotation {
            Rotation::Rotated(next) => *session = next.clone(),
            Rotation::Reused(_) => {
                sessions.remove(id);
            }
            Rotation::Repeated(_) | Rotation::Gone => {}
        }
        Ok(rotation)
    }

    async fn end_session(&self, user: UserId, id: SessionId) -> Result<bool, StoreError> {
        let mut sessions = self.write_sessions();
        let owned = sessions
            .get(id)
            .is_some_and(|session| session.user_id == user);
        Ok(owned && sessions.remove(id).is_some())
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        let is_meant = |session: &Session| ids.contains(&session.id);
        Ok(self.write_sessions().remove_of(user, is_meant))
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        let is_dead = |session: &Session| session.auth_epoch < epoch;
        Ok(self.write_sessions().remove_of(user, is_dead))
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut sessions = self.write_sessions();
        let oldest = Session::oldest(sessions.of(user), epoch, keep, now);
        Ok(sessions.remove_of(user, |session| oldest.contains(&session.id)))
    }
}
