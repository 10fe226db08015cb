//! The book of gateways as mosquitto reads it: a password file and an access list, and requests to its dynamic security
//! plugin.
//!
//! Formats: mosquitto_passwd(1), mosquitto.conf(5) `acl_file`; the plugin's commands as documented at
//! <https://mosquitto.org/documentation/dynamic-security/>.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::file::write_private;
use crate::gateway::{ALERTS, Book, Gateway, SAYS};

/// Where requests to the plugin go, and where it answers.
pub const CONTROL: &str = "$CONTROL/dynamic-security/v1";

/// Where the plugin answers.
pub const CONTROL_RESPONSE: &str = "$CONTROL/dynamic-security/v1/response";

/// What bongsu itself may, as the user `bongsu`: hear every station, command, tell what is stored, alert everybody.
const HEARS: [&str; 6] = [
    "bongsu/v1/+/+/telemetry",
    "bongsu/v1/+/+/backfill",
    "bongsu/v1/+/+/status",
    "bongsu/v1/+/+/command/result",
    "bongsu/v1/daemon/+",
    "$SYS/broker/publish/messages/dropped",
];
const SAYS_ITSELF: [&str; 4] =
    ["bongsu/v1/+/+/stored", "bongsu/v1/+/+/command", "bongsu/v1/alerts/+/+", "bongsu/v1/daemon/+"];

/// Writes both files: `mosquitto.passwd`, its owner's alone, and `mosquitto.acl`.
///
/// # Errors
/// What the system said.
pub fn write(book: &Book, folder: &Path) -> io::Result<()> {
    write_private(&folder.join("mosquitto.passwd"), password_file(book).as_bytes())?;
    write_private(&folder.join("mosquitto.acl"), access_list(book).as_bytes())
}

/// The password file: every gateway with a password that is let in. Other users (bongsu's own) stand in a file of
/// theirs, or are added with `mosquitto_passwd`.
pub fn password_file(book: &Book) -> String {
    let line = |(name, gateway): (&str, &Gateway)| {
        let password = gateway.password.as_ref().filter(|_| !gateway.revoked)?;
        Some(format!("{name}:{}\n", password.as_str()))
    };
    book.iter().filter_map(line).collect()
}

/// The access list: bongsu, and every gateway that is let in.
pub fn access_list(book: &Book) -> String {
    let mut text =
        String::from("# Written by bongsu gateway: changes are overwritten.\n\nuser bongsu\n");
    HEARS.iter().for_each(|topic| text += &format!("topic read {topic}\n"));
    SAYS_ITSELF.iter().for_each(|topic| text += &format!("topic write {topic}\n"));
    for (_, gateway) in book.iter().filter(|(_, gateway)| !gateway.revoked) {
        gateway.topics.iter().for_each(|topic| text += &format!("topic read {topic}\n"));
    }
    for (name, gateway) in book.iter().filter(|(_, gateway)| !gateway.revoked) {
        text += &format!("\nuser {name}\n");
        says(gateway).for_each(|topic| text += &format!("topic write {topic}\n"));
        hears(gateway).for_each(|topic| text += &format!("topic read {topic}\n"));
    }
    text
}

fn says(gateway: &Gateway) -> impl Iterator<Item = String> {
    let own = gateway.speaks_for.iter().flat_map(|scope| {
        SAYS.map(|about| format!("bongsu/v1/{}/{}", scope.levels(), about.levels()))
    });
    own.chain(gateway.topics.iter().cloned())
}

fn hears(gateway: &Gateway) -> impl Iterator<Item = String> {
    let own = gateway.speaks_for.iter().flat_map(|scope| {
        ["stored", "command"].map(|about| format!("bongsu/v1/{}/{about}", scope.levels()))
    });
    own.chain([format!("{ALERTS}#")])
}

/// The request that takes a gateway in: a role of its rights and a client with it, in place of those it may have had.
/// The password is in it: it is for nobody's log.
pub fn take_in(name: &str, gateway: &Gateway, password: &str) -> Vec<u8> {
    let role = format!("bongsu-{name}");
    let acl = |kind: &str, topic: String| json!({ "acltype": kind, "topic": topic, "allow": true });
    let acls: Vec<Value> = says(gateway)
        .map(|topic| acl("publishClientSend", topic))
        .chain(hears(gateway).flat_map(|topic| {
            [acl("subscribePattern", topic.clone()), acl("publishClientReceive", topic)]
        }))
        .collect();
    let commands = json!({ "commands": [
        { "command": "createRole", "rolename": role, "acls": acls },
        {
            "command": "createClient",
            "username": name,
            "password": password,
            "textname": "bongsu gateway",
            "roles": [{ "rolename": role }],
        },
    ] });
    commands.to_string().into_bytes()
}

/// The request that lets a gateway in no more and ends its connection.
pub fn let_go(name: &str) -> Vec<u8> {
    let commands = json!({ "commands": [
        { "command": "deleteClient", "username": name },
        { "command": "deleteRole", "rolename": format!("bongsu-{name}") },
    ] });
    commands.to_string().into_bytes()
}

/// What the plugin answered: `Ok` if every command was carried out.
///
/// # Errors
/// Its words about the first that was not.
pub fn answered(payload: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(payload)
        .map_err(|_| "the dynamic security plugin answered something else than JSON".to_owned())?;
    let responses = answer["responses"].as_array().into_iter().flatten();
    for response in responses {
        if let Some(error) = response["error"].as_str() {
            let command = response["command"].as_str().unwrap_or_default();
            return Err(format!("{command}: {error}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn book() -> Book {
        let mut book = Book::default();
        for (name, scope, topic) in
            [("gate-1", "cut-12", Some("application/7/#")), ("gate-2", "wall-3/post-1", None)]
        {
            let gateway = Gateway {
                speaks_for: vec![scope.parse().unwrap()],
                topics: topic.map(Into::into).into_iter().collect(),
                password: Some(Digest::of("secret").unwrap()),
                certificate: None,
                revoked: false,
            };
            book.add(name, gateway).unwrap();
        }
        book
    }

    #[test]
    fn files_have_who_is_let_in_and_nobody_else() {
        let mut book = book();
        book.revoke("gate-1").unwrap();
        let passwords = password_file(&book);
        assert!(passwords.starts_with("gate-2:$7$") && passwords.lines().count() == 1);
        let list = access_list(&book);
        let (_, own) = list.split_once("user gate-2\n").unwrap();
        assert_eq!(
            own.lines().collect::<Vec<_>>(),
            [
                "topic write bongsu/v1/wall-3/post-1/telemetry",
                "topic write bongsu/v1/wall-3/post-1/backfill",
                "topic write bongsu/v1/wall-3/post-1/status",
                "topic write bongsu/v1/wall-3/post-1/command/result",
                "topic read bongsu/v1/wall-3/post-1/stored",
                "topic read bongsu/v1/wall-3/post-1/command",
                "topic read bongsu/v1/alerts/#",
            ]
        );
        assert!(!list.contains("gate-1") && !list.contains("application/7"));
    }

    #[test]
    fn what_the_plugin_refuses_is_said_in_its_words() {
        assert_eq!(answered(br#"{"responses":[{"command":"createRole"}]}"#), Ok(()));
        let refused = br#"{"responses":[{"command":"createRole"},{"command":"createClient","error":"Client already exists"}]}"#;
        assert_eq!(answered(refused), Err("createClient: Client already exists".into()));
        assert!(answered(b"no").is_err());
    }
}
