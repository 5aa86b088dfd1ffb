//! Sessions.

use async_trait::async_trait;

use super::record::{Record, proofs_list};
use super::statement::{Insertion, Row, Statement, Value};
use super::store::{SqlStore, not_written, number_of, stored};
use crate::id::{SessionId, UserId};
use crate::session::{Rotation, RotationPolicy, Session, SessionLength};
use crate::store::{Insert, SessionStore, StoreError};
use crate::time::{CLOCK_SKEW, Timestamp};

pub(super) const COLUMNS: &str = "id, user_id, auth_epoch, created_at, last_seen_at, expires_at, \
    absolute_expires_at, is_short, proofs, refresh_counter, ip, user_agent";

/// A reused refresh token ends the session but keeps its row, so that one statement can return
/// the decision. The row is never read again.
const LIVE: &str = "ended_at IS NULL AND expires_at > $1 AND absolute_expires_at > $1";

pub(super) fn length(is_short: bool) -> SessionLength {
    match is_short {
        true => SessionLength::Short,
        false => SessionLength::Usual,
    }
}

pub(super) fn read(row: &Row) -> Result<Session, StoreError> {
    let record = Record::new("session", row);
    let ip = record.optional_text("ip")?.map(str::parse).transpose();
    Ok(Session {
        id: SessionId::from_bytes(record.id("id")?),
        user_id: UserId::from_bytes(record.id("user_id")?),
        auth_epoch: record.count("auth_epoch")?,
        created_at: record.instant("created_at")?,
        proofs: record.proofs("proofs", &record.list("proofs")?)?,
        last_seen_at: record.instant("last_seen_at")?,
        expires_at: record.instant("expires_at")?,
        absolute_expires_at: record.instant("absolute_expires_at")?,
        length: length(record.flag("is_short")?),
        refresh_counter: record.count("refresh_counter")?,
        ip: ip.map_err(|_| record.corrupt("ip", "is not an address"))?,
        user_agent: record.optional_text("user_agent")?.map(str::to_owned),
    })
}

fn rotation(row: &Row) -> Result<Rotation, StoreError> {
    let session = read(row)?;
    let record = Record::new("session", row);
    match record.text("rotation")? {
        "rotated" => Ok(Rotation::Rotated(session)),
        "repeated" => Ok(Rotation::Repeated(session)),
        "reused" => Ok(Rotation::Reused(session)),
        "late" => Ok(Rotation::Gone),
        _ => Err(record.corrupt("rotation", "is none that was asked for")),
    }
}

pub(super) fn insert(session: &Session) -> Result<Insertion, StoreError> {
    Ok(Insertion {
        into: "{sessions} (id, user_id, auth_epoch, created_at, last_seen_at, expires_at, \
            absolute_expires_at, is_short, proofs, refresh_counter, ip, user_agent)",
        list: "?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS {json}), ?, ?, ?",
        key: "id",
        values: vec![
            session.id.to_string().into(),
            session.user_id.to_string().into(),
            stored(session.auth_epoch, "auth_epoch")?.into(),
            session.created_at.into(),
            session.last_seen_at.into(),
            session.expires_at.into(),
            session.absolute_expires_at.into(),
            (session.length == SessionLength::Short).into(),
            proofs_list(&session.proofs).to_string().into(),
            stored(session.refresh_counter, "refresh_counter")?.into(),
            session.ip.map(|ip| ip.to_string()).into(),
            Value::Text(session.user_agent.clone()),
        ],
    })
}

/// Does what [`Session::rotate`] does to a live session that has issued the counter `$2`. The
/// row keeps the decision.
const ROTATE: &str = "UPDATE {sessions} SET \
    rotation = CASE WHEN refresh_counter = $2 THEN 'rotated' \
        WHEN refresh_counter = $3 AND last_seen_at >= $4 AND last_seen_at <= $5 THEN 'repeated' \
        WHEN last_seen_at > $6 THEN 'late' ELSE 'reused' END, \
    ended_at = CASE WHEN refresh_counter = $2 THEN NULL \
        WHEN refresh_counter = $3 AND last_seen_at >= $4 AND last_seen_at <= $5 THEN NULL \
        WHEN last_seen_at > $6 THEN NULL ELSE $6 END, \
    expires_at = CASE WHEN refresh_counter = $2 \
        THEN {least}(CASE WHEN is_short THEN $7 ELSE $8 END, absolute_expires_at) \
        ELSE expires_at END, \
    last_seen_at = CASE WHEN refresh_counter = $2 THEN $6 ELSE last_seen_at END, \
    refresh_counter = CASE WHEN refresh_counter = $2 THEN $3 ELSE refresh_counter END \
    WHERE id = $1 AND ended_at IS NULL AND refresh_counter >= $2 AND expires_at > $6 \
        AND absolute_expires_at > $6 AND {durable} RETURNING ";

fn rotate(
    id: SessionId,
    presented: i64,
    next: i64,
    policy: RotationPolicy,
    now: Timestamp,
) -> Statement {
    let text = format!("{ROTATE}{COLUMNS}, rotation");
    // On both sides: a clock that was turned back further than another instance's may be
    // behind does not stretch the grace.
    let begin = now.saturating_sub(policy.grace);
    let end = now.saturating_add(policy.grace.max(CLOCK_SKEW));
    Statement::new(text)
        .with(id.to_string())
        .with(presented)
        .with(next)
        .with(begin)
        .with(end)
        .with(now)
        .with(now.saturating_add(policy.short_idle_timeout))
        .with(now.saturating_add(policy.idle_timeout))
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn insert_session(&self, session: &Session) -> Result<Insert, StoreError> {
        self.insert(insert(session)?).await
    }

    async fn session(&self, id: SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let text = format!("SELECT {COLUMNS} FROM {{sessions}} WHERE {LIVE} AND id = $2");
        let statement = Statement::new(text).with(now).with(id.to_string());
        self.read_one(statement, read).await
    }

    async fn sessions_of(
        &self,
        user: UserId,
        after: Option<SessionId>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let below = after.map_or("", |_| "AND id < $4");
        let text = format!(
            "SELECT {COLUMNS} FROM {{sessions}} WHERE {LIVE} AND user_id = $2 {below} \
             ORDER BY id DESC LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut page = Statement::new(text)
            .with(now)
            .with(user.to_string())
            .with(limit);
        page.values.extend(after.map(|id| id.to_string().into()));
        self.read_all(page, read).await
    }

    async fn rotate(
        &self,
        id: SessionId,
        presented: u64,
        policy: RotationPolicy,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let presented = i64::try_from(presented).ok();
        let counters = presented.and_then(|it| Some((it, it.checked_add(1)?)));
        let Some((presented, next)) = counters else {
            return Ok(Rotation::Gone);
        };
        let rows = self.write(rotate(id, presented, next, policy, now)).await?;
        rows.first().map_or(Ok(Rotation::Gone), rotation)
    }

    async fn end_sessions(&self, user: UserId, ids: &[SessionId]) -> Result<u64, StoreError> {
        let mut ended = 0;
        for some in ids.chunks(MOST_AT_ONCE) {
            let mut statement = Statement::new("");
            let user = statement.add(user.to_string());
            let ids: Vec<String> = some
                .iter()
                .map(|id| format!("${}", statement.add(id.to_string())))
                .collect();
            let these = format!(
                "FROM {{sessions}} WHERE user_id = ${user} AND ended_at IS NULL AND id IN ({})",
                ids.join(", ")
            );
            let mut left = statement.clone();
            left.text = format!("SELECT id {these} LIMIT 1").into();
            statement.text = format!("DELETE {these} AND {{durable}} RETURNING id").into();
            let rows = self.write(statement).await?;
            if rows.len() < some.len() && !self.read(left).await?.is_empty() {
                return Err(not_written());
            }
            ended += number_of(&rows);
        }
        Ok(ended)
    }

    async fn end_dead_sessions(&self, user: UserId, epoch: u64) -> Result<u64, StoreError> {
        // Above what an epoch can be stored as, it is all of them.
        let (compared, epoch) = match i64::try_from(epoch) {
            Ok(epoch) => ("<", epoch),
            Err(_) => ("<=", i64::MAX),
        };
        let text = format!(
            "DELETE FROM {{sessions}} WHERE user_id = $1 AND auth_epoch {compared} $2 \
             AND ended_at IS NULL AND {{durable}} RETURNING id"
        );
        let statement = Statement::new(text).with(user.to_string()).with(epoch);
        Ok(number_of(&self.write(statement).await?))
    }

    async fn end_oldest_sessions(
        &self,
        user: UserId,
        epoch: u64,
        keep: u32,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Ok(epoch) = i64::try_from(epoch) else {
            return Ok(0);
        };
        // A session does not change its owner, epoch or age, so one that is too old when it is
        // selected is too old when it is removed.
        let text = format!(
            "DELETE FROM {{sessions}} WHERE id IN (SELECT id FROM {{sessions}} WHERE {LIVE} \
             AND user_id = $2 AND auth_epoch = $3 ORDER BY created_at DESC, id DESC \
             LIMIT $4 OFFSET $5) AND {{durable}} RETURNING id"
        );
        let statement = Statement::new(text)
            .with(now)
            .with(user.to_string())
            .with(epoch)
            .with(i64::MAX)
            .with(i64::from(keep));
        Ok(number_of(&self.write(statement).await?))
    }
}

/// How many ids one statement names: SQLite takes no more than 32,766 values.
const MOST_AT_ONCE: usize = 1000;
