//! Lines that go out together.

use bytes::Bytes;

/// Lines, and how far the journal or ledger is archived once they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    text: Vec<u8>,
    /// Where each line ends, its line end included.
    ends: Vec<usize>,
}

impl Batch {
    /// Adds one line, given without its end.
    pub fn push(&mut self, line: &str) {
        self.text.extend_from_slice(line.as_bytes());
        self.text.push(b'\n');
        self.ends.push(self.text.len());
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How long they are together, bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Lets go of the lines and gives them out.
    pub(super) fn take(&mut self) -> Lines {
        let Self { text, ends } = std::mem::take(self);
        Lines { text: text.into(), ends }
    }
}

/// Lines on their way.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub text: Bytes,
    ends: Vec<usize>,
}

impl Lines {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The first half and the rest; nothing if there is one line only.
    pub fn split(&self) -> Option<(Self, Self)> {
        let middle = self.ends.len() / 2;
        let cut = *self.ends.get(middle.checked_sub(1)?)?;
        let first = Self { text: self.text.slice(..cut), ends: self.ends[..middle].to_vec() };
        let rest = self.ends[middle..].iter().map(|end| end - cut).collect();
        Some((first, Self { text: self.text.slice(cut..), ends: rest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_every_line_once_in_order() {
        let mut batch = Batch::default();
        for n in 0..7 {
            batch.push(&format!("line {n}{}", "x".repeat(n)));
        }
        let whole = batch.take();
        assert!(batch.is_empty() && whole.len() == 7);
        let mut waiting = vec![whole.clone()];
        let mut single = Vec::new();
        while let Some(lines) = waiting.pop() {
            match lines.split() {
                Some((first, rest)) => waiting.extend([rest, first]),
                None => single.extend_from_slice(&lines.text),
            }
        }
        assert_eq!(single, whole.text);
    }
}
