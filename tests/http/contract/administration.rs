//! The routes under `/admin`.

use serde_json::{Value, json};

use super::client::{Client, OTHER_PASSWORD, PASSWORD, credentials};
use super::documented::NO_ID;
use super::scene::Place;
use super::session::Session;
use super::sessions::{self, SESSION};
use crate::request::{Request, delete, get, post, put};

/// The members of a user as administrators see one.
const USER: [&str; 9] = [
    "created_at",
    "email",
    "is_verified",
    "last_login",
    "metadata",
    "name",
    "roles",
    "status",
    "user_id",
];

/// One request to each endpoint under `/admin`, about the user `id`.
fn requests(id: &str) -> Vec<Request> {
    let user = format!("/admin/users/{id}");
    vec![
        get("/admin/users"),
        post(
            "/admin/users",
            json!({"email": "nobody@example.org", "name": "Nobody"}),
        ),
        post("/admin/users/find", json!({"email": "nobody@example.org"})),
        get(&user),
        put(&format!("{user}/status"), json!({"status": "active"})),
        post(&format!("{user}/roles"), json!({"grant": []})),
        get(&format!("{user}/sessions")),
        get(&format!("{user}/events")),
        delete(&format!("{user}/sessions")),
        delete(&format!("{user}/sessions/{NO_ID}")),
        Request::new("POST", &format!("{user}/password-reset")),
    ]
}

/// `POST /admin/users`, and how the owner gets in.
fn creation(client: &Client<'_>, admin: &Session) {
    let email = client.email("created");
    let ask = |body: Value| client.send(post("/admin/users", body).by(admin));
    let created = ask(json!({
        "email": email,
        "name": "Cleo",
        "roles": ["examiner"],
        "metadata": { "class": "7b" },
    }));
    created
        .status(201)
        .members("", &USER)
        .at("/email", &json!(email))
        .at("/name", &json!("Cleo"))
        .at("/is_verified", &json!(false))
        .at("/last_login", &Value::Null)
        .at("/roles", &json!(["examiner", "student"]))
        .at("/metadata", &json!({ "class": "7b" }));
    ask(json!({ "email": email.to_uppercase(), "name": "Eve" })).problem(409, "email_taken");
    ask(json!({})).violates(&[("email", "required"), ("name", "required")]);
    ask(json!({ "email": "x@example.org", "name": "X", "roles": ["no such role"] }))
        .violates(&[("roles", "unknown")]);
    ask(json!({ "email": "x@example.org", "name": "X", "roles": ["admin"] }))
        .problem(409, "not_verified");
    ask(json!({ "email": "x@example.org", "name": "X", "metadata": { "a.b": 1 } }))
        .violates(&[("metadata", "invalid_characters")]);

    let token = client.invitation(&email);
    let reset = json!({ "token": token, "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD });
    client.send(post("/password/reset", reset)).message(200);
    let session = client.log_in(&email, OTHER_PASSWORD);
    let profile = client.send(get("/profile").by(&session));
    profile
        .status(200)
        .at("/name", &json!("Cleo"))
        .at("/is_verified", &json!(true));
}

pub(crate) fn administration(place: &Place<'_>) {
    let client = place.client();
    let admin = place.administrator(&client);
    let ann = client.register("ann");
    let user = format!("/admin/users/{}", ann.user_id);

    // ASVS 8.2.1: without the permission, the answer is the same for every account.
    for id in [ann.user_id.as_str(), NO_ID, "x"] {
        for request in requests(id) {
            let is_none = id == "x" && request.target.contains("/x");
            let reply = client.send(request.by(&ann.session));
            match is_none {
                true => reply.problem(404, "not_found"),
                false => reply.problem(403, "forbidden"),
            };
        }
    }
    for request in requests(NO_ID).into_iter().skip(3) {
        let is_log = request.target.ends_with("/events");
        let ask = || client.send(request.by(&admin));
        let reply = match is_log {
            true => client.quietly(ask),
            false => ask(),
        };
        match is_log {
            // Events of a deleted account remain, and each request adds one.
            true => reply.status(200).members("", &["events", "next"]),
            false => reply.problem(404, "not_found"),
        };
    }

    let find =
        |email: &str| client.send(post("/admin/users/find", json!({ "email": email })).by(&admin));
    let found = find(&ann.email.to_uppercase());
    found
        .status(200)
        .members("", &USER)
        .at("/user_id", &json!(ann.user_id))
        .at("/email", &json!(ann.email))
        .at("/name", &json!("ann"))
        .at("/is_verified", &json!(false))
        .at("/status", &json!("active"))
        .at("/roles", &json!(["student"]))
        .form("/created_at", "time")
        .form("/last_login", "time");
    find(&client.email("nobody")).problem(404, "not_found");
    creation(&client, &admin);
    find("ann").violates(&[("email", "invalid_format")]);
    find("").violates(&[("email", "required")]);
    client.send(get(&user).by(&admin)).same_as(&found);
    pages(&client, &admin, &ann.user_id);

    // Sessions: one, then all.
    let second = client.log_in(&ann.email, PASSWORD);
    let theirs = format!("{user}/sessions");
    let list = client.send(get(&theirs).by(&admin));
    list.status(200)
        .members("", &["next", "sessions"])
        .at("/next", &Value::Null)
        .count("/sessions", 2)
        .members("/sessions/0", &SESSION)
        .at("/sessions/0/current", &json!(false));
    sessions::pages(&client, &admin, &theirs, 2);
    let mine = client.send(get("/sessions").by(&second)).list("/sessions");
    let is_current = |session: &&Value| session.get("current") == Some(&json!(true));
    let mine = mine.iter().find(is_current).unwrap();
    let one = format!(
        "{theirs}/{}",
        mine.get("session_id").unwrap().as_str().unwrap()
    );
    client.send(delete(&one).by(&admin)).no_content();
    client
        .send(delete(&one).by(&admin))
        .problem(404, "not_found");
    client.is_dead(&second);
    client.is_live(&ann.session);
    client.send(delete(&theirs).by(&admin)).no_content();
    client.is_dead(&ann.session);

    status(&client, &admin, &user, &ann.email);
    events(&client, &admin, &user);
}

/// Every account is on one of the pages, once.
fn pages(client: &Client<'_>, admin: &Session, id: &str) {
    let page = |query: &str| client.send(get(&format!("/admin/users?{query}")).by(admin));
    // The first account depends on the order of registrations.
    let first = client.quietly(|| page("limit=1"));
    first
        .status(200)
        .members("", &["next", "users"])
        .count("/users", 1)
        .members("/users/0", &USER)
        .at("/next", &json!(first.text("/users/0/user_id")));
    let mut seen = 0;
    client.quietly(|| {
        let mut query = "limit=50".to_owned();
        loop {
            let reply = page(&query);
            let users = reply.list("/users");
            let is_it = |user: &&Value| user.get("user_id") == Some(&json!(id));
            seen += users.iter().filter(is_it).count();
            match reply.answer().json.get("next").and_then(Value::as_str) {
                Some(next) => query = format!("after={next}&limit=50"),
                None => break,
            }
        }
    });
    first.check(seen == 1, || format!("the account is on one page: {seen}"));
    page(&format!("after={}", "f".repeat(24)))
        .status(200)
        .at("/users", &json!([]))
        .at("/next", &Value::Null);
    for limit in ["0", "201"] {
        page(&format!("limit={limit}")).violates(&[("limit", "out_of_range")]);
    }
    for query in [
        "limit=x",
        "limit=1&limit=2",
        "after=1",
        "before=0123456789abcdef01234567",
        "skip=1",
        "limit[$gt]=1",
        "after=0123456789abcdef01234567&after=0123456789abcdef01234567",
    ] {
        page(query).problem(400, "malformed_request");
    }
}

/// A disabled account cannot log in, and can again once it is enabled.
fn status(client: &Client<'_>, admin: &Session, user: &str, email: &str) {
    let set = |status: &str| {
        let body = json!({ "status": status });
        client.send(put(&format!("{user}/status"), body).by(admin))
    };
    let reset = || Request::new("POST", &format!("{user}/password-reset")).by(admin);
    let live = client.log_in(email, PASSWORD);
    set("disabled")
        .status(200)
        .members("", &USER)
        .at("/status", &json!("disabled"));
    client.is_dead(&live);
    // ASVS 6.3.8: the answer is that to a wrong password or an unknown account.
    let wrong = client.send(post("/login", credentials(email, OTHER_PASSWORD)));
    wrong.refused("invalid_credentials", "Bearer");
    client
        .send(post("/login", credentials(email, PASSWORD)))
        .same_as(&wrong);
    client.send(reset()).problem(409, "account_disabled");
    set("disabled").status(200);
    set("active").status(200).at("/status", &json!("active"));
    client.is_dead(&live);
    client.is_live(&client.log_in(email, PASSWORD));
    for body in [
        json!({}),
        json!({"status": "admin"}),
        json!({"status": "active", "x": 1}),
    ] {
        client
            .send(put(&format!("{user}/status"), body).by(admin))
            .problem(400, "malformed_request");
    }

    client.send(reset()).message(202);
    let mail = client.server.mail(email, "Set a new password");
    let body = json!({
        "token": mail.token("/password/reset"),
        "new_password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD,
    });
    client.send(post("/password/reset", body)).message(200);
    client.is_live(&client.log_in(email, OTHER_PASSWORD));
}

fn events(client: &Client<'_>, admin: &Session, user: &str) {
    let events = format!("{user}/events");
    let all = || get(&events).by(admin);
    let has = |operation: &str| {
        let wanted = json!(operation);
        client.until(all, |reply| {
            let events = reply.list("/events");
            events
                .iter()
                .any(|event| event.get("operation") == Some(&wanted))
        });
    };
    for operation in [
        "disable_user",
        "enable_user",
        "send_password_reset",
        "reset_password",
    ] {
        has(operation);
    }
    // The last event depends on the background.
    let last = client.quietly(|| client.send(get(&format!("{events}?limit=1")).by(admin)));
    last.status(200)
        .members("", &["events", "next"])
        .count("/events", 1)
        .members(
            "/events/0",
            &[
                "actor_id",
                "at",
                "count",
                "event_id",
                "ip",
                "mail",
                "notice",
                "notices",
                "operation",
                "refused",
                "session_id",
                "user_agent",
            ],
        )
        .form("/events/0/event_id", "id")
        .form("/events/0/at", "time")
        .form("/next", "id");
    for query in ["limit=x", "after=0123456789abcdef01234567"] {
        client
            .send(get(&format!("{events}?{query}")).by(admin))
            .problem(400, "malformed_request");
    }
    client
        .send(get(&format!("{events}?limit=0")).by(admin))
        .violates(&[("limit", "out_of_range")]);
}

pub(crate) fn administrators(place: &Place<'_>) {
    let _office = place.office();
    let client = place.client();
    let admin = place.administrator(&client);
    let me = client.send(get("/profile").by(&admin)).text("/user_id");
    let path = |id: &str, what: &str| format!("/admin/users/{id}/{what}");
    let roles =
        |by: &Session, id: &str, body: Value| client.send(post(&path(id, "roles"), body).by(by));

    // The last administrator has to stay.
    roles(&admin, &me, json!({"revoke": ["admin"]})).problem(409, "last_administrator");
    client
        .send(put(&path(&me, "status"), json!({"status": "disabled"})).by(&admin))
        .problem(409, "last_administrator");
    for deletion in [delete("/account"), Request::new("POST", "/account/delete")] {
        let deletion = deletion.json(&json!({"current_password": PASSWORD}));
        client
            .send(deletion.by(&admin))
            .problem(409, "last_administrator");
    }
    client.is_live(&admin);

    // An account with an unconfirmed address may be a stranger's.
    let eve = client.register("eve");
    roles(&admin, &eve.user_id, json!({"grant": ["admin"]})).problem(409, "not_verified");

    let ann = client.register_verified("ann");
    let grant = |names: Value| roles(&admin, &ann.user_id, json!({ "grant": names }));
    grant(json!(["examiner"]))
        .status(200)
        .members("", &USER)
        .at("/roles", &json!(["examiner", "student"]));
    // It takes effect at once, in the existing session.
    client
        .send(get("/profile").by(&ann.session))
        .at("/roles", &json!(["examiner", "student"]));
    client
        .send(get("/admin/users").by(&ann.session))
        .problem(403, "forbidden");
    grant(json!(["examiner"])).at("/roles", &json!(["examiner", "student"]));
    grant(json!([])).at("/roles", &json!(["examiner", "student"]));
    grant(json!(["examinar"])).violates(&[("grant", "unknown")]);
    grant(json!(["Admin"])).violates(&[("grant", "unknown")]);
    roles(&admin, &ann.user_id, json!({"revoke": ["examiner"]})).at("/roles", &json!(["student"]));
    for body in [
        json!({"grant": "admin"}),
        json!({"grant": [1]}),
        json!({"grant": {"$ne": null}}),
        json!({"roles": ["admin"]}),
    ] {
        roles(&admin, &ann.user_id, body).problem(400, "malformed_request");
    }

    // A second administrator who gives up the role of a student can no longer change a
    // student's account, nor grant that role.
    grant(json!(["admin"])).status(200);
    roles(&ann.session, &ann.user_id, json!({"revoke": ["student"]}))
        .at("/roles", &json!(["admin"]));
    roles(&ann.session, &eve.user_id, json!({"revoke": ["student"]})).problem(403, "forbidden");
    roles(&ann.session, &ann.user_id, json!({"grant": ["student"]})).problem(403, "forbidden");
    for request in [
        put(&path(&eve.user_id, "status"), json!({"status": "disabled"})),
        delete(&path(&eve.user_id, "sessions")),
    ] {
        client
            .send(request.by(&ann.session))
            .problem(403, "forbidden");
    }
    client.is_live(&eve.session);
    // One of two administrators may give up the role.
    roles(&ann.session, &ann.user_id, json!({"revoke": ["admin"]})).at("/roles", &json!([]));
    client
        .send(get("/admin/users").by(&ann.session))
        .problem(403, "forbidden");
}
