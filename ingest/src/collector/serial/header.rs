//! Rows of a TOA5 table that come one by one: each is stored with the four lines that stood above the table, so that it
//! is read by what the logger said of its columns and not by what it said the year before.

use bytes::Bytes;

/// How many lines stand above a table.
const LINES: usize = 4;

/// The lines above the table that a logger sends, as far as it has said them.
#[derive(Debug, Default)]
pub(super) struct Header(Vec<Bytes>);

impl Header {
    /// Takes a line: nothing for one that belongs to the header, else the row under it. Without a header, the row
    /// alone.
    pub(super) fn with_row(&mut self, line: Bytes) -> Option<Bytes> {
        if line.starts_with(b"\"TOA5\"") || line.starts_with(b"TOA5,") {
            self.0 = vec![line];
            return None;
        }
        if (1..LINES).contains(&self.0.len()) {
            self.0.push(line);
            return None;
        }
        if self.0.is_empty() {
            return Some(line);
        }
        self.0.push(line);
        let table = self.0.join(&b"\r\n"[..]);
        self.0.pop();
        Some(table.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_goes_with_the_header_above_it() {
        let mut header = Header::default();
        let mut rows = Vec::new();
        for line in ["0", "\"TOA5\",a", "b", "c", "d", "1", "2", "TOA5,e", "f", "g", "h", "3"] {
            rows.extend(header.with_row(Bytes::from_static(line.as_bytes())));
        }
        let expected = [
            "0",
            "\"TOA5\",a\r\nb\r\nc\r\nd\r\n1",
            "\"TOA5\",a\r\nb\r\nc\r\nd\r\n2",
            "TOA5,e\r\nf\r\ng\r\nh\r\n3",
        ];
        assert_eq!(rows, expected);
    }
}
