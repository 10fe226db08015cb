//! Ways to persons, whose numbers and addresses stand in the table of contacts: text messages and mail.

use std::path::PathBuf;
use std::time::Duration;

use delivery::channel::mail::Security;
use delivery::channel::sms_http::{self, AgencySettings};
use delivery::contacts::{Phone, PhoneFault};

use super::http::{HttpSettings, http};
use super::{MINUTE, SECOND};
use crate::config::collectors::{readable, secret};
use crate::config::problem::Problems;
use crate::config::secret::SecretRef;
use crate::config::source::Folder;
use crate::config::table::Table;
use crate::config::tree::At;
use crate::config::value::Fault;

/// A message centre that speaks SMPP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmppSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Our name there.
    pub system_id: String,
    /// Our password there.
    pub password: SecretRef,
    /// What we are to it; often empty.
    pub system_type: String,
    /// The number messages come from.
    pub source: String,
    /// The most messages it has not answered yet.
    pub window: usize,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How often the link is tried.
    pub enquire_every: Duration,
    /// The most parts of a message.
    pub parts_max: usize,
    /// A number of our own that link tests write to: digits in international form.
    pub test_number: Option<String>,
}

/// A message agency with an HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyChannel {
    /// Where to.
    pub http: HttpSettings,
    /// How it is spoken to.
    pub agency: AgencySettings,
}

/// A mail server and who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSettings {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password there.
    pub credentials: Option<(String, SecretRef)>,
    /// Authorities to believe instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// The address messages come from and bounces go to.
    pub from: String,
    /// The Maildir that mail to it is delivered to.
    pub mailbox: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// Reads what is said of a message centre.
pub fn smpp(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<SmppSettings> {
    table.need("host", "say where the message centre is", problems);
    table.need("system-id", "say who we are there", problems);
    table.need("password", "say how we prove it: password = \"file:…\"", problems);
    table.need("source", "say from which number messages come", problems);
    let host = table.text("host", problems);
    let port = table.integer("port", 1..=65_535, problems);
    let fits = |most: usize| {
        move |text: &str| {
            let fits = text.is_ascii() && text.len() <= most && !text.contains('\0');
            let refused =
                || Fault::new(format!("SMPP has room for {most} ASCII characters"), "shorten it");
            fits.then(|| text.to_owned()).ok_or_else(refused)
        }
    };
    let system_id = table.read("system-id", fits(15), problems);
    let system_type = table.read("system-type", fits(12), problems);
    let source = table.read("source", fits(20), problems);
    let password = secret(table, "password", folder, problems);
    let window = table.integer("window", 1..=1_000, problems);
    let timeout = table.duration("timeout", SECOND..=MINUTE, problems);
    let enquire_every = table.duration("enquire-every", SECOND..=60 * MINUTE, problems);
    let parts_max = table.integer("parts-max", 1..=20, problems);
    let test_number = table.read("test-number", number_of_ours, problems);
    let number = |at: Option<At<i64>>, usual: usize| {
        at.map_or(usual, |at| usize::try_from(at.value).unwrap_or(usual))
    };
    Some(SmppSettings {
        host: host?.value,
        port: u16::try_from(number(port, 2_775)).unwrap_or(2_775),
        system_id: system_id?.value,
        password: password?.value,
        system_type: system_type.map_or_else(String::new, |at| at.value),
        source: source?.value,
        window: number(window, 10),
        timeout: timeout.map_or(20 * SECOND, |at| at.value),
        enquire_every: enquire_every.map_or(30 * SECOND, |at| at.value),
        parts_max: number(parts_max, 5),
        test_number: test_number.map(|at| at.value.digits().to_owned()),
    })
}

fn number_of_ours(text: &str) -> Result<Phone, Fault> {
    let refused =
        |fault: PhoneFault| Fault::new(fault.to_string(), "write it as \"+821012345678\"");
    Phone::parse(text).map_err(refused)
}

/// Reads what is said of an agency.
pub fn agency(
    table: &mut Table,
    folder: &Folder,
    problems: &mut Problems,
) -> Option<AgencyChannel> {
    let http = http(table, folder, problems);
    table.need(
        "body",
        "write what the agency wants: body = '''{\"to\":\"{{ to }}\",…}'''",
        problems,
    );
    table.need("from", "say from which number messages come", problems);
    let body = table.read("body", body, problems);
    let from = table.text("from", problems);
    let types = [("json", "application/json"), ("form", "application/x-www-form-urlencoded")];
    let content_type = table.choice("body-type", &types, problems);
    let reference = table.read("id-at", pointer, problems);
    let bytes_max = table.integer("bytes-max", 80..=4_000, problems);
    let test_number = table.read("test-number", number_of_ours, problems);
    let agency = AgencySettings {
        content_type: content_type.map_or("application/json", |at| at.value).into(),
        body: body?.value,
        from: from?.value,
        reference: reference.map(|at| at.value),
        bytes_max: bytes_max.map_or(2_000, |at| usize::try_from(at.value).unwrap_or(2_000)),
        test_number: test_number.map(|at| at.value),
    };
    Some(AgencyChannel { http: http?, agency })
}

fn body(text: &str) -> Result<String, Fault> {
    sms_http::examine(text).map_err(|what| {
        let known = sms_http::VARIABLES.join(", ");
        Fault::new(format!("the body is no template: {what}"), format!("it may name: {known}"))
    })?;
    Ok(text.into())
}

fn pointer(text: &str) -> Result<String, Fault> {
    let is_pointer = text.starts_with('/');
    let refused =
        || Fault::new("this is no JSON pointer", "write the way to the id, say \"/result/id\"");
    is_pointer.then(|| text.to_owned()).ok_or_else(refused)
}

/// Reads what is said of a mail server.
pub fn mail(table: &mut Table, folder: &Folder, problems: &mut Problems) -> Option<MailSettings> {
    table.need("host", "say where the mail server is", problems);
    table.need("from", "say from which address mail comes and bounces go to", problems);
    let host = table.text("host", problems);
    let port = table.integer("port", 1..=65_535, problems);
    let words =
        [("tls", Security::Tls), ("starttls", Security::StartTls), ("none", Security::None)];
    let security = table.choice("security", &words, problems);
    let from = table.read("from", address, problems);
    let user = table.text("user", problems);
    let password = secret(table, "password", folder, problems);
    let ca_file = table.text("ca-file", problems);
    if let Some(file) = &ca_file {
        readable(file, folder, problems);
    }
    let mailbox = table.text("mailbox", problems);
    if let Some(mailbox) = &mailbox {
        maildir(mailbox, folder, problems);
    }
    let timeout = table.duration("timeout", SECOND..=MINUTE, problems);
    let is_here = host.as_ref().is_some_and(|host| is_loopback(&host.value));
    if let Some(At { value: Security::None, place }) = &security
        && !is_here
    {
        problems.add(
            place,
            "mail would cross the network in the clear",
            "write \"tls\" or \"starttls\"",
        );
    }
    if let (Some(user), None) = (&user, &password) {
        problems.add(&user.place, "a user without a password", "write password = \"file:…\"");
    }
    let security = security.map_or(Security::StartTls, |at| at.value);
    let usual = match security {
        Security::Tls => 465,
        Security::StartTls => 587,
        Security::None => 25,
    };
    Some(MailSettings {
        host: host?.value,
        port: port.map_or(usual, |at| u16::try_from(at.value).unwrap_or(usual)),
        security,
        credentials: user.zip(password).map(|(user, password)| (user.value, password.value)),
        ca_file: ca_file.map(|file| folder.path().join(file.value)),
        from: from?.value,
        mailbox: mailbox.map(|mailbox| folder.path().join(mailbox.value)),
        timeout: timeout.map_or(20 * SECOND, |at| at.value),
    })
}

/// A folder that mail is delivered to: letters come to `new`, and whoever read them moves them to `cur`.
fn maildir(mailbox: &At<String>, folder: &Folder, problems: &mut Problems) {
    let path = folder.path().join(&mailbox.value);
    if folder.is_on_disk() && !["new", "cur"].iter().all(|part| path.join(part).is_dir()) {
        let what = format!("{} is no Maildir: it has no folders `new` and `cur`", path.display());
        let remedy = "have mail to `from` delivered there (Postfix: home_mailbox = Maildir/), or fetched with mbsync";
        problems.add(&mailbox.place, what, remedy);
    }
}

fn address(text: &str) -> Result<String, Fault> {
    let is_address = text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
    });
    let refused = || Fault::new("this is no mail address", "write it as bongsu@city.example.kr");
    is_address.then(|| text.to_owned()).ok_or_else(refused)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
