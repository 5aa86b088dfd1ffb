//! Rate limits, and attempts that failed.

use std::time::Duration;

use async_trait::async_trait;

use super::names::Dialect;
use super::record::Record;
#[cfg(feature = "sqlite")]
use super::statement::{Failure, Transaction, Work};
use super::statement::{Row, Statement};
use super::store::SqlStore;
#[cfg(feature = "sqlite")]
use super::store::written;
use crate::limit::{Decision, Hit, LimitKey};
#[cfg(feature = "sqlite")]
use crate::limit::{Quota, Usage, decide_all};
use crate::lockout::{Attempt, LockoutPolicy};
use crate::store::{LimitStore, StoreError, are_few};
use crate::time::{CLOCK_SKEW, Timestamp};

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(feature = "sqlite")]
fn usage(row: &Row) -> Result<([u8; 16], Usage), StoreError> {
    let record = Record::new("rate limit", row);
    let usage = Usage {
        used: Duration::from_millis(record.count("used")?),
        full_at: record.instant("full_at")?,
    };
    Ok((record.bytes("key")?, usage))
}

/// Counts one act as [`decide_all`] does, in a transaction. For SQLite, where a statement costs
/// no round trip.
#[cfg(feature = "sqlite")]
struct HitAll {
    hits: Vec<Hit>,
    now: Timestamp,
}

#[cfg(feature = "sqlite")]
#[async_trait]
impl Work for HitAll {
    type Answer = Decision;

    async fn run(&self, transaction: &mut dyn Transaction) -> Result<Decision, Failure> {
        let mut select = Statement::new("");
        let keys: Vec<String> = self
            .hits
            .iter()
            .map(|hit| format!("${}", select.add(hit.key.to_bytes().as_slice())))
            .collect();
        let keys = keys.join(", ");
        select.text =
            format!("SELECT key, used, full_at FROM {{limits}} WHERE key IN ({keys})").into();
        let rows = transaction.run(&select).await?;
        let kept: Vec<_> = rows.iter().map(usage).collect::<Result<_, _>>()?;
        let of = |hit: &Hit| {
            let kept = kept.iter().find(|(key, _)| *key == hit.key.to_bytes());
            (hit.quota, kept.map(|(_, usage)| *usage))
        };
        let budgets: Vec<(Quota, Option<Usage>)> = self.hits.iter().map(of).collect();
        let (usages, decision) = decide_all(&budgets, self.now);
        for ((hit, (_, before)), usage) in self.hits.iter().zip(&budgets).zip(usages) {
            if let Some(usage) = usage.filter(|usage| before.as_ref() != Some(usage)) {
                written(&transaction.run(&put(hit.key, usage)).await?)?;
            }
        }
        Ok(decision)
    }
}

#[cfg(feature = "sqlite")]
fn put(key: LimitKey, usage: Usage) -> Statement {
    Statement::new(
        "INSERT INTO {limits} (key, used, full_at) VALUES ($1, $2, $3) \
         ON CONFLICT (key) DO UPDATE SET used = excluded.used, full_at = excluded.full_at \
         RETURNING key",
    )
    .with(key.to_bytes().as_slice())
    .with(millis(usage.used))
    .with(usage.full_at)
}

/// The same for PostgreSQL: a function of the first migration counts it in one round trip.
#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
fn hit_all(hits: &[Hit], now: Timestamp) -> Statement {
    let mut statement = Statement::new("");
    let mut array = |value: &dyn Fn(&Hit, &mut Statement) -> usize| {
        let items: Vec<String> = hits
            .iter()
            .map(|hit| format!("${}", value(hit, &mut statement)))
            .collect();
        format!("ARRAY[{}]", items.join(", "))
    };
    let keys = array(&|hit, to| to.add(hit.key.to_bytes().as_slice()));
    let windows = array(&|hit, to| to.add(millis(hit.quota.window())));
    let periods = array(&|hit, to| to.add(millis(hit.quota.period())));
    let present = statement.add(now);
    let skew = statement.add(millis(CLOCK_SKEW));
    let latest = statement.add(Timestamp::MAX);
    statement.text = format!(
        "SELECT {{hit_all_1}}({keys}, {windows}, {periods}, ${present}, ${skew}, ${latest}) AS wait \
         WHERE {{durable}}"
    )
    .into();
    statement
}

#[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
fn decision(rows: &[Row]) -> Result<Decision, StoreError> {
    let wait = rows
        .first()
        .map(|row| Record::new("rate limit", row).count("wait"));
    Ok(match wait.transpose()? {
        None | Some(0) => Decision::Allowed,
        Some(wait) => Decision::Refused {
            retry_after: Duration::from_millis(wait),
        },
    })
}

/// What [`Quota::give_back`](crate::limit::Quota::give_back) does to each.
fn give_back(hits: &[Hit]) -> Statement {
    let mut statement = Statement::new("");
    let earliest = statement.add(Timestamp::MIN);
    let rows: Vec<String> = hits
        .iter()
        .map(|hit| {
            let key = statement.add(hit.key.to_bytes().as_slice());
            format!("(${key}, ${})", statement.add(millis(hit.quota.period())))
        })
        .collect();
    // Locks in the order of the keys, as `hit_all` does.
    statement.text = format!(
        "WITH hit (key, act) AS (VALUES {}), \
         held AS (SELECT key FROM {{limits}} WHERE key IN (SELECT key FROM hit) \
             ORDER BY key {{locked}}) \
         UPDATE {{limits}} AS l SET used = l.used - {{least}}(h.act, l.used), \
             full_at = {{greatest}}(l.full_at - {{least}}(h.act, l.used), ${earliest}) \
         FROM (SELECT hit.key, hit.act FROM hit JOIN held ON held.key = hit.key) AS h \
         WHERE l.key = h.key AND {{durable}}",
        rows.join(", ")
    )
    .into();
    statement
}

/// What [`LockoutPolicy::attempt`] does: the first attempt is an insertion, any other an
/// update of the existing row. The row keeps the decision.
fn attempt(key: LimitKey, policy: &LockoutPolicy, now: Timestamp) -> Statement {
    let mut statement = Statement::new("");
    let key = statement.add(key.to_bytes().as_slice());
    let present = statement.add(now);
    let ahead = now.saturating_add(CLOCK_SKEW);
    let mut table = |from: Timestamp, count: &str| {
        let steps = policy.steps().iter().rev().map(|step| {
            let opens = statement.add(from.saturating_add(step.wait));
            format!("WHEN {count} >= {} THEN ${opens}", step.failures)
        });
        let steps: Vec<String> = steps.collect();
        format!("CASE {} ELSE ${} END", steps.join(" "), statement.add(from))
    };
    // Limits times that a clock left in the future before it was turned back.
    let open_at = format!("{{least}}(a.open_at, {})", table(ahead, "a.count"));
    let next = "{least}(a.count + 1, 4294967295)";
    let (opens_first, opens_next) = (table(now, "1"), table(now, next));
    let forgets = statement.add(now.saturating_add(policy.forget_after()));
    let furthest = statement.add(ahead.saturating_add(policy.forget_after()));
    let forgotten_at = format!("{{least}}(a.forgotten_at, ${furthest})");
    let is_over = format!("{forgotten_at} <= ${present}");
    let is_locked = format!("({forgotten_at} > ${present} AND {open_at} > ${present})");
    statement.text = format!(
        "INSERT INTO {{attempts}} AS a (key, count, open_at, forgotten_at, last_at, is_allowed) \
         SELECT ${key}, 1, {opens_first}, ${forgets}, ${present}, TRUE WHERE {{durable}} \
         ON CONFLICT (key) DO UPDATE SET \
             is_allowed = NOT {is_locked}, \
             count = CASE WHEN {is_locked} THEN a.count WHEN {is_over} THEN 1 ELSE {next} END, \
             open_at = CASE WHEN {is_locked} THEN {open_at} WHEN {is_over} THEN {opens_first} \
                 ELSE {opens_next} END, \
             forgotten_at = CASE WHEN {is_locked} THEN {forgotten_at} ELSE ${forgets} END, \
             last_at = CASE WHEN {is_locked} THEN a.last_at ELSE ${present} END \
         RETURNING key, count, open_at, is_allowed"
    )
    .into();
    statement
}

fn outcome(row: &Row, policy: &LockoutPolicy, now: Timestamp) -> Result<Attempt, StoreError> {
    let record = Record::new("login attempts", row);
    let count = u32::try_from(record.count("count")?);
    let count = count.map_err(|_| record.corrupt("count", "is too large"))?;
    match record.flag("is_allowed")? {
        true => Ok(Attempt::Allowed {
            count,
            locks_for: policy.wait_after(count),
        }),
        false => Ok(Attempt::Locked {
            retry_after: record.instant("open_at")?.saturating_since(now),
        }),
    }
}

#[async_trait]
impl LimitStore for SqlStore {
    async fn hit_all(&self, hits: &[Hit], now: Timestamp) -> Result<Decision, StoreError> {
        are_few(hits)?;
        if hits.is_empty() {
            return Ok(Decision::Allowed);
        }
        match self.dialect() {
            #[cfg(any(feature = "postgres", feature = "postgres-aws-lc-rs"))]
            Dialect::Postgres => decision(&self.write(hit_all(hits, now)).await?),
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => {
                let hits = hits.to_vec();
                self.transact(HitAll { hits, now }).await
            }
        }
    }

    async fn give_back(&self, hits: &[Hit]) -> Result<(), StoreError> {
        are_few(hits)?;
        if hits.is_empty() {
            return Ok(());
        }
        self.write(give_back(hits)).await.map(drop)
    }

    async fn attempt(
        &self,
        key: LimitKey,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        let rows = self.write(attempt(key, policy, now)).await?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::Other("no attempt was counted".into()))?;
        outcome(row, policy, now)
    }

    async fn forgive(&self, key: LimitKey, until: Timestamp) -> Result<(), StoreError> {
        let statement =
            Statement::new("DELETE FROM {attempts} WHERE key = $1 AND last_at <= $2 AND {durable}");
        let statement = statement.with(key.to_bytes().as_slice()).with(until);
        self.write(statement).await.map(drop)
    }
}
