//! What a message from the centre says: a receipt about one of ours, or something a person wrote.

use rusmpp::pdus::DeliverSm;
use rusmpp::tlvs::TlvValue;
use rusmpp::values::{DataCoding, MessageState};

use crate::receipts::Fate;

/// The bits of `esm_class` that make a message a receipt.
const IS_RECEIPT: u8 = 0x04;

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The centre's id of the message.
    pub id: String,
    /// What became of it.
    pub fate: Fate,
    /// As the centre put it: `DELIVRD`, `UNDELIV err:005`.
    pub said: String,
}

impl Report {
    /// Reads a receipt; `None` if the message is none. The fields of the standard's appendix B and the optional
    /// parameters are both understood; the latter win.
    pub fn read(message: &DeliverSm) -> Option<Self> {
        if u8::from(message.esm_class) & 0x3C != IS_RECEIPT {
            return None;
        }
        let text = String::from_utf8_lossy(message.short_message().as_ref()).into_owned();
        let (mut id, mut fate) = (field(&text, "id:"), None);
        let stat = field(&text, "stat:").unwrap_or_default().to_ascii_uppercase();
        for tlv in message.tlvs() {
            match tlv.value() {
                Some(TlvValue::ReceiptedMessageId(given)) => id = Some(given.as_str().to_owned()),
                Some(TlvValue::MessageState(state)) => fate = Some(fate_of(*state)),
                _ => {}
            }
        }
        let error = field(&text, "err:").unwrap_or_default();
        let said =
            if stat.is_empty() { format!("{fate:?}") } else { format!("{stat} err:{error}") };
        Some(Self { id: id?, fate: fate.unwrap_or_else(|| fate_named(&stat)), said })
    }
}

fn field(text: &str, name: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(name)? + name.len();
    let value: String = text[at..].chars().take_while(|c| !c.is_whitespace()).take(65).collect();
    (!value.is_empty()).then_some(value)
}

const fn fate_of(state: MessageState) -> Fate {
    match state {
        MessageState::Delivered => Fate::Delivered,
        MessageState::Expired
        | MessageState::Deleted
        | MessageState::Undeliverable
        | MessageState::Rejected
        | MessageState::Skipped => Fate::Lost,
        MessageState::Scheduled
        | MessageState::Enroute
        | MessageState::Accepted
        | MessageState::Unknown
        | MessageState::Other(_) => Fate::OnItsWay,
    }
}

fn fate_named(stat: &str) -> Fate {
    match stat {
        "DELIVRD" => Fate::Delivered,
        "EXPIRED" | "DELETED" | "UNDELIV" | "REJECTD" => Fate::Lost,
        _ => Fate::OnItsWay,
    }
}

/// The text of a message that a person sent, whatever its encoding; what cannot be read is shown as bytes.
pub fn text(message: &DeliverSm) -> String {
    let bytes: &[u8] = message.short_message().as_ref();
    match message.data_coding {
        DataCoding::Ucs2 => {
            let units = bytes.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0xFFFD,
            });
            char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
        }
        DataCoding::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
        DataCoding::McSpecific | DataCoding::Ia5 => String::from_utf8_lossy(bytes).into_owned(),
        other => {
            let hex: String = bytes.iter().take(80).map(|byte| format!("{byte:02x}")).collect();
            format!("({other:?}) {hex}")
        }
    }
}
