//! Modbus units played by the test, with every bad habit units have.

use reading::codec::crc16;
use tokio::task::JoinHandle;

use crate::pty::Pty;

/// What a unit does when it is asked.
#[derive(Clone, Debug)]
pub enum Habit {
    /// Answers with registers that hold their own address.
    Good,
    /// Answers with these registers.
    Holds(Vec<u16>),
    /// Says no.
    Refuses(u8),
    /// Answers with a wrong CRC.
    Damaged,
    /// Stops in the middle.
    Cut,
    /// Answers with fewer registers than it was asked for.
    Short,
    /// Another one answers.
    Foreign(u8),
    /// The first time another one answers, then itself.
    ForeignOnce(u8),
}

/// Plays every unit on a bus; who has no habit is not there. Ends with the pty.
pub fn play(
    mut bus: Pty,
    habits: impl Fn(u8) -> Option<Habit> + Send + 'static,
) -> JoinHandle<Pty> {
    tokio::spawn(async move {
        let mut asked = [0_u32; 256];
        loop {
            let request = bus
                .hear("a question", |heard| Some((<[u8; 8]>::try_from(heard.get(..8)?).ok()?, 8)))
                .await;
            let (question, crc) = crc16::checked(&request).expect("questions are whole");
            assert_eq!(crc.to_le_bytes(), request[6..]);
            let unit = question[0];
            asked[usize::from(unit)] += 1;
            if let Some(habit) = habits(unit) {
                bus.say(&answer(question, &habit, asked[usize::from(unit)])).await;
            }
        }
    })
}

fn answer(question: &[u8], habit: &Habit, time: u32) -> Vec<u8> {
    let &[unit, function, a, b, c, d] = question else { panic!("{question:?}") };
    let (address, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let registers = |unit: u8, registers: Vec<u16>| {
        let head = [unit, function, 2 * registers.len() as u8];
        let body = registers.into_iter().flat_map(u16::to_be_bytes);
        framed(head.into_iter().chain(body).collect())
    };
    let own = || (address..address + count).collect::<Vec<_>>();
    match habit {
        Habit::Good => registers(unit, own()),
        Habit::Holds(held) => registers(unit, held.clone()),
        Habit::Refuses(code) => framed(vec![unit, function | 0x80, *code]),
        Habit::Damaged => {
            let mut bytes = registers(unit, own());
            bytes[3] ^= 1;
            bytes
        }
        Habit::Cut => registers(unit, own())[..5].to_vec(),
        Habit::Short => registers(unit, own()[1..].to_vec()),
        Habit::Foreign(other) => registers(*other, own()),
        Habit::ForeignOnce(other) if time == 1 => registers(*other, own()),
        Habit::ForeignOnce(_) => registers(unit, own()),
    }
}

fn framed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc16::sum(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}

/// A Modbus TCP gateway that takes one connection only and hangs up on others: unit 1 is good, over unit 2 it hangs up,
/// unit 3 is silent.
pub async fn play_narrow_tcp(listener: tokio::net::TcpListener) {
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let taken = Arc::new(());
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        if Arc::strong_count(&taken) > 1 {
            continue;
        }
        let taken = taken.clone();
        tokio::spawn(async move {
            let _taken = taken;
            let mut request = [0; 12];
            while stream.read_exact(&mut request).await.is_ok() {
                let [high, low, .., unit, _, a, b, _, _] = request;
                match unit {
                    1 => {
                        let answer = [high, low, 0, 0, 0, 7, 1, 3, 4, a, b, a, b];
                        stream.write_all(&answer).await.unwrap();
                    }
                    2 => return,
                    _ => {}
                }
            }
        });
    }
}

/// A Modbus TCP gateway: unit 1 is good, for unit 2 another one answers, unit 3 is silent.
pub async fn play_tcp(listener: tokio::net::TcpListener) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut request = [0; 12];
            while stream.read_exact(&mut request).await.is_ok() {
                let [high, low, .., unit, function, a, b, _, count] = request;
                assert!(function == 3 && count == 2);
                let address = u16::from_be_bytes([a, b]);
                let speaks = match unit {
                    1 => 1,
                    2 => 44,
                    _ => continue,
                };
                let [c, d] = (address + 1).to_be_bytes();
                stream.write_all(&[high, low, 0, 0, 0, 7, speaks, 3, 4, a, b, c, d]).await.unwrap();
            }
        });
    }
}
