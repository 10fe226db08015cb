//! Rows of a CSV text (RFC 4180): quotes, doubled quotes, line breaks within quotes. Nothing is refused here.

/// Rows with the number of the line each begins on.
pub fn rows(text: &str) -> impl Iterator<Item = (usize, Vec<String>)> {
    let (mut rest, mut line) = (text, 1);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (row, used) = row(rest);
        let begins = line;
        line += rest[..used].matches('\n').count();
        rest = &rest[used..];
        Some((begins, row))
    })
}

/// The first row and how many bytes it takes.
fn row(text: &str) -> (Vec<String>, usize) {
    let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                fields.push(field);
                return (fields, at + 1);
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    fields.push(field);
    (fields, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_spreadsheets_write_them() {
        let text = "a,b,c\r\n\"x, y\",\"say \"\"hi\"\"\",\"two\nlines\"\r\nlast,,";
        let read: Vec<_> = rows(text).collect();
        assert_eq!(read[0], (1, vec!["a".into(), "b".into(), "c".into()]));
        assert_eq!(read[1], (2, vec!["x, y".into(), "say \"hi\"".into(), "two\nlines".into()]));
        assert_eq!(read[2], (4, vec!["last".into(), String::new(), String::new()]));
    }
}
