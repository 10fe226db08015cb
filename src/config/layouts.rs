//! `[[collector.subscribe.payload]]`: what the raw bytes of an uplink mean.

use reading::codec::layout::{Block, Field, Kind, Layout, Number, When};

use super::problem::Problems;
use super::table::Table;
use super::tree::At;
use super::value::{Fault, shortened};

/// LoRaWAN carries at most so many bytes.
const PAYLOAD_MAX: i64 = 242;

/// Reads every layout; `None` if one has something wrong.
pub fn read(table: &mut Table, problems: &mut Problems) -> Option<Vec<Layout>> {
    let tables = table.tables("payload", problems);
    let layouts: Vec<_> = tables.into_iter().map(|table| layout(table, problems)).collect();
    layouts.into_iter().collect()
}

fn layout(mut table: Table, problems: &mut Problems) -> Option<Layout> {
    let ports = ports(&mut table, problems);
    let header = table.integer("header", 0..=PAYLOAD_MAX, problems).map_or(0, |at| at.value);
    let flags_at = table.integer("flags-at", 0..=PAYLOAD_MAX, problems);
    table.need("block", "describe at least one [[collector.subscribe.payload.block]]", problems);
    let blocks: Vec<_> =
        table.tables("block", problems).into_iter().map(|table| block(table, problems)).collect();
    table.finish("a [[collector.subscribe.payload]]", problems);
    let blocks: Option<Vec<(Block, super::problem::Place)>> = blocks.into_iter().collect();
    let blocks = blocks?;
    if let Some(flags_at) = flags_at.as_ref().filter(|at| at.value + 2 > header) {
        problems.add(
            &flags_at.place,
            "`flags-at` is not within the header",
            "the flags are two bytes of `header`",
        );
    }
    if let (None, Some((_, place))) =
        (&flags_at, blocks.iter().find(|(block, _)| matches!(block.when, When::Flag(_))))
    {
        problems.add(place, "`flag` without `flags-at`", "say where in the header the flags are");
    }
    let blocks = blocks.into_iter().map(|(block, _)| block).collect();
    Some(Layout {
        ports,
        header: header as u32,
        flags_at: flags_at.map(|at| at.value as u32),
        blocks,
    })
}

fn ports(table: &mut Table, problems: &mut Problems) -> Vec<u8> {
    let Some(list) = table.list("ports", problems) else { return Vec::new() };
    let port = |item: &At<super::tree::Value>| {
        super::table::as_number(&item.value)
            .filter(|port| port.fract() == 0.0 && (0.0..=255.0).contains(port))
    };
    let ports: Option<Vec<_>> = list.value.iter().map(port).collect();
    if ports.is_none() {
        problems.add(
            &list.place,
            "`ports` holds something that is no port",
            "write whole numbers from 0 to 255",
        );
    }
    ports.unwrap_or_default().into_iter().map(|port| port as u8).collect()
}

fn block(mut table: Table, problems: &mut Problems) -> Option<(Block, super::problem::Place)> {
    let place = table.place.clone();
    let flag = table.integer("flag", 0..=15, problems);
    let tag = table.read("tag", tag, problems);
    table.need("len", "say how many bytes it has, say len = 2", problems);
    let len = table.integer("len", 1..=PAYLOAD_MAX, problems);
    let fields: Vec<_> = table
        .tables("fields", problems)
        .into_iter()
        .map(|table| field(table, len.as_ref(), problems))
        .collect();
    table.finish("a block of a payload", problems);
    let when = match (flag, tag) {
        (Some(_), Some(tag)) => {
            problems.add(&tag.place, "a block has a `flag` or a `tag`, not both", "remove one");
            return None;
        }
        (Some(flag), None) => When::Flag(flag.value as u8),
        (None, Some(tag)) => When::Tag(tag.value),
        (None, None) => When::Always,
    };
    let fields: Option<Vec<_>> = fields.into_iter().collect();
    Some((Block { when, len: len?.value as u32, fields: fields? }, place))
}

/// Bytes as hexadecimal digits, `03 cf`.
fn tag(text: &str) -> Result<Vec<u8>, Fault> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let byte =
        |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<_>> = (0..digits.len()).step_by(2).map(byte).collect();
    bytes.filter(|bytes| (1..=8).contains(&bytes.len())).ok_or_else(|| {
        Fault::new(
            format!("`{}` is not one to eight bytes", shortened(text)),
            "write them as hexadecimal digits: \"03 cf\"",
        )
    })
}

fn field(mut table: Table, len: Option<&At<i64>>, problems: &mut Problems) -> Option<Field> {
    let place = table.place.clone();
    table.need("name", "give it the name that `metrics` use", problems);
    let name = table.text("name", problems);
    let at = table.integer("at", 0..=PAYLOAD_MAX, problems).map_or(0, |at| at.value as u32);
    table.need("type", "say how the number is written, say type = \"i16-le\"", problems);
    let number = table.read("type", number, problems);
    let bits = bits(&mut table, number.as_ref(), problems);
    let scale = table.number("scale", problems).map_or(1.0, |at| at.value);
    let add = table.number("add", problems).map_or(0.0, |at| at.value);
    table.finish("a field of a payload", problems);
    let (name, number) = (name?.value, number?.value);
    if len.is_some_and(|len| i64::from(at) + i64::from(number.len) > len.value) {
        problems.add(
            &place,
            format!("`{}` reaches beyond its block", shortened(&name)),
            "correct `at`, `type` or `len`",
        );
    }
    Some(Field { name, at, number, bits, scale, add })
}

fn number(text: &str) -> Result<Number, Fault> {
    Number::parse(text).ok_or_else(|| {
        Fault::new(
            format!("`{}` is not a type of number", shortened(text)),
            "write u8, i8, or u16, i16, u24, i24, u32, i32, f32, f64 with -be or -le (u32, i32, f32 also -words-le)",
        )
    })
}

/// The lowest bit and how many, of a number without a sign.
fn bits(
    table: &mut Table,
    number: Option<&At<Number>>,
    problems: &mut Problems,
) -> Option<(u8, u8)> {
    let list = table.list("bits", problems)?;
    let numbers: Option<Vec<f64>> =
        list.value.iter().map(|item| super::table::as_number(&item.value)).collect();
    let width = number
        .filter(|number| number.value.kind == Kind::Unsigned)
        .map_or(0.0, |number| f64::from(number.value.len) * 8.0);
    match numbers.as_deref() {
        Some(&[lowest, count])
            if lowest.fract() == 0.0
                && count.fract() == 0.0
                && lowest >= 0.0
                && count >= 1.0
                && lowest + count <= width =>
        {
            Some((lowest as u8, count as u8))
        }
        _ => {
            problems.add(
                &list.place,
                "`bits` is not a part of the number",
                "write the lowest bit and how many, of a type without a sign: [0, 4]",
            );
            None
        }
    }
}
