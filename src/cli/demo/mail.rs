//! A stand-in for a mail server: takes letters on loopback, keeps them as files, and tells of each.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use alerting::catalogue::{self, Language};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// All that one client may say.
const LETTERS_LEN_MAX: u64 = 8 << 20;

/// How long a client may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A mail server that delivers into a folder.
pub struct MailCatcher {
    listener: TcpListener,
    folder: PathBuf,
}

impl MailCatcher {
    /// Listens on a free port of this machine alone.
    ///
    /// # Errors
    /// What the system said.
    pub async fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { listener, folder: folder.into() })
    }

    /// The port it listens on.
    ///
    /// # Errors
    /// What the system said.
    pub fn port(&self) -> std::io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Takes letters until it is dropped.
    pub async fn run(self, language: Language) {
        let mut clients = JoinSet::new();
        let shelf = Arc::new(Shelf { folder: self.folder, count: AtomicU32::new(0), language });
        while let Ok((client, _)) = self.listener.accept().await {
            while clients.try_join_next().is_some() {}
            let shelf = shelf.clone();
            // A client that breaks off comes again; there is nobody to tell.
            clients.spawn(async move { take(client, &shelf).await.ok() });
        }
    }
}

/// Where letters are kept.
struct Shelf {
    folder: PathBuf,
    count: AtomicU32,
    language: Language,
}

impl Shelf {
    fn keep(&self, to: &str, letter: &[u8]) -> std::io::Result<()> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let path = self.folder.join(format!("{number:04}.eml"));
        std::fs::write(&path, letter)?;
        let values = [to, &path.display().to_string()];
        println!("{}", catalogue::fill("demo-mail", self.language, &values));
        Ok(())
    }
}

/// One conversation: SMTP as RFC 5321 has it, without extensions.
async fn take(client: TcpStream, shelf: &Shelf) -> std::io::Result<()> {
    let (read, mut write) = client.into_split();
    let mut lines = BufReader::new(read.take(LETTERS_LEN_MAX));
    write.write_all(b"220 bongsu-demo\r\n").await?;
    let (mut to, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        let said = timeout(SILENCE_MAX, lines.read_line(&mut line)).await;
        if said.map_err(std::io::Error::other)?? == 0 {
            return Ok(());
        }
        let verb: String = line.chars().take(4).collect::<String>().to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "RCPT" => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                b"250 ok\r\n"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                shelf.keep(&to, &letter(&mut lines).await?)?;
                b"250 kept\r\n"
            }
            "QUIT" => return write.write_all(b"221 bye\r\n").await,
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await?;
    }
}

/// Reads up to the line that is a dot alone.
async fn letter(lines: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let (mut text, mut line) = (Vec::new(), Vec::new());
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).await? == 0 || line == b".\r\n" {
            return Ok(text);
        }
        // RFC 5321 4.5.2: a dot at the front was doubled.
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_letter_is_kept_as_it_was_written_and_its_reader_named() {
        let folder = tempfile::tempdir().unwrap();
        let catcher = MailCatcher::open(folder.path()).await.unwrap();
        let port = catcher.port().unwrap();
        let serving = tokio::spawn(catcher.run(Language::En));
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let said = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: s\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n";
        client.write_all(said.as_bytes()).await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        let codes: Vec<&str> = answers.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
        let kept = std::fs::read_to_string(folder.path().join("0001.eml")).unwrap();
        assert_eq!(kept, "Subject: s\r\n\r\n.dot\r\nend\r\n");
        serving.abort();
    }
}
