//! What came to the mailbox: a letter of a link test, a notice about a letter of ours, or something else.
//!
//! Notices are delivery status notifications (RFC 3464): a `multipart/report` with what became of each recipient, and
//! the letter or its headers, whose `Message-ID` says which delivery it is about. What reads in no such way is for a
//! person.

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders};

use super::PROBE_HEADER;
use crate::receipts::Fate;

/// How much of a server's words is kept, characters.
const SAID_LEN_MAX: usize = 200;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A letter of a link test, by its id.
    Loop(String),
    /// A notice about the letter of this id.
    Notice {
        /// What stands before the `@` of its `Message-ID`.
        about: String,
        /// What became of it.
        fate: Fate,
        /// In the server's words, without addresses.
        said: String,
    },
    /// Something that a person wrote, or that we do not understand.
    Other,
}

/// Reads a letter, whatever its bytes.
pub fn read(bytes: &[u8]) -> Came {
    let Some(letter) = MessageParser::default().parse(bytes) else { return Came::Other };
    if let Some(probe) = letter.header(PROBE_HEADER).and_then(HeaderValue::as_text) {
        return Came::Loop(probe.trim().to_owned());
    }
    notice(&letter).unwrap_or(Came::Other)
}

fn notice(letter: &Message<'_>) -> Option<Came> {
    if !is(letter, "multipart", "report") {
        return None;
    }
    let status = letter.parts.iter().find(|part| is(*part, "message", "delivery-status"))?;
    let (fate, said) = fate(&String::from_utf8_lossy(status.contents()))?;
    let about = letter.parts.iter().find_map(|part| {
        if let Some(ours) = part.message() {
            return ours.message_id().map(str::to_owned);
        }
        let headers = is(part, "text", "rfc822-headers").then(|| part.contents())?;
        MessageParser::default().parse_headers(headers)?.message_id().map(str::to_owned)
    })?;
    let about = about.split_once('@').map_or(about.as_str(), |(id, _)| id).to_owned();
    Some(Came::Notice { about, fate, said })
}

/// Whether a part, or a whole letter, is of this type.
fn is<'x>(part: &impl MimeHeaders<'x>, main: &str, sub: &str) -> bool {
    part.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case(main)
            && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case(sub))
    })
}

/// What became of the recipient. Our letters have one; of several, the worst counts.
fn fate(status: &str) -> Option<(Fate, String)> {
    let lines = unfolded(status);
    let field = |name: &'static str| {
        lines.iter().filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let fates: Vec<Fate> = field("Action")
        .map(|action| match action.to_ascii_lowercase().as_str() {
            "failed" => Fate::Lost,
            "delivered" => Fate::Delivered,
            _ => Fate::OnItsWay, // delayed, relayed, expanded
        })
        .collect();
    let worst = [Fate::Lost, Fate::OnItsWay, Fate::Delivered];
    let fate = worst.into_iter().find(|fate| fates.contains(fate))?;
    let words: Vec<&str> = field("Status").chain(field("Diagnostic-Code")).collect();
    Some((fate, without_addresses(&words.join(" "))))
}

/// Lines, with those that go on with a space joined to the one before.
fn unfolded(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn without_addresses(said: &str) -> String {
    let words = said.split_whitespace();
    let shown = words.map(|word| if word.contains('@') { "(address)" } else { word });
    let line = shown.collect::<Vec<_>>().join(" ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_LEN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Postfix writes it; `kind` is the type of the last part.
    fn bounce(action: &str, kind: &str) -> String {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.kr (Mail Delivery System)\r\nTo: bongsu@city.example.kr\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B1\"\r\n\r\n\
             --B1\r\nContent-Type: text/plain; charset=euc-kr\r\nContent-Transfer-Encoding: 8bit\r\n\r\nI'm sorry.\r\n\
             --B1\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example.kr\r\nArrival-Date: Tue, 14 Jul 2026 15:01:20 +0900 (KST)\r\n\r\n\
             Final-Recipient: rfc822; duty@city.example.kr\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <duty@city.example.kr>:\r\n    no such person\r\n\r\n\
             --B1\r\nContent-Type: {kind}\r\n\r\n\
             From: bongsu@city.example.kr\r\nMessage-ID: <live_cut-12_slope-failure_7_1_alert_mail_duty@city.example.kr>\r\n\
             Subject: x\r\n\r\n--B1--\r\n"
        )
    }

    #[test]
    fn a_notice_says_which_letter_and_what_became_of_it_without_addresses() {
        for (action, expected) in [
            ("failed", Fate::Lost),
            ("Failed", Fate::Lost),
            ("delayed", Fate::OnItsWay),
            ("delivered", Fate::Delivered),
        ] {
            for kind in ["message/rfc822", "text/rfc822-headers", "Message/RFC822"] {
                let Came::Notice { about, fate, said } = read(bounce(action, kind).as_bytes())
                else {
                    panic!("{action} {kind}")
                };
                assert_eq!(about, "live_cut-12_slope-failure_7_1_alert_mail_duty", "{kind}");
                assert_eq!(fate, expected);
                assert_eq!(said, "5.1.1 smtp; 550 5.1.1 (address) no such person");
            }
        }
    }

    #[test]
    fn whatever_else_comes_is_for_a_person() {
        let whole = bounce("failed", "message/rfc822");
        for other in [
            "",
            "\u{0}\u{1}",
            "no headers at all",
            "Subject: =?euc-kr?B?vsuw2g==?=\r\n\r\n\u{feff}",
            &whole.replace("delivery-status\r\n", "disposition-notification\r\n"),
            &whole.replace("Action:", "Auction:"),
            &whole.replace("Message-ID:", "Message:"),
            &whole.replace("multipart/report", "multipart/mixed"),
        ] {
            assert_eq!(read(other.as_bytes()), Came::Other, "{other}");
        }
        for cut in 0..whole.len() {
            read(&whole.as_bytes()[..cut]); // whatever is left of it
        }
        let probe = "Subject: x\r\nX-Bongsu-Probe: probe_mail_own-address_17\r\n\r\nhello\r\n";
        assert_eq!(read(probe.as_bytes()), Came::Loop("probe_mail_own-address_17".into()));
    }
}
