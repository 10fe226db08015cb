//! What waits while the broker is away: as much as a memory card takes, the oldest given up first.

use std::collections::VecDeque;

use crate::message::Message;

/// Reports a gateway keeps for its stations; a station with a connection of its own keeps as many as its `room`.
pub(in crate::link) const ROOM: usize = 20_000;

/// Messages that could not be sent, no more of each kind than there is room for.
#[derive(Debug)]
pub(in crate::link) struct Buffer {
    room: usize,
    /// On their way when the connection broke, and words of stations about themselves: they go as they were, in order.
    again: VecDeque<Message>,
    /// Made while there was no connection, oldest first.
    late: VecDeque<Message>,
    /// Given up because there were too many.
    pub forgotten: u64,
}

impl Buffer {
    /// Room for so many reports; at least one.
    pub fn new(room: usize) -> Self {
        Self { room: room.max(1), again: VecDeque::new(), late: VecDeque::new(), forgotten: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.again.is_empty() && self.late.is_empty()
    }

    pub fn len(&self) -> usize {
        self.again.len() + self.late.len()
    }

    /// Takes back what was on its way.
    pub fn take_back(&mut self, messages: impl Iterator<Item = Message>) {
        messages.for_each(|message| self.say_again(message));
    }

    /// Keeps what was made without a connection.
    pub fn keep(&mut self, message: Message) {
        if !message.topic.ends_with("/telemetry") && !message.topic.ends_with("/backfill") {
            return self.say_again(message);
        }
        self.forgotten += push(&mut self.late, message, self.room);
    }

    fn say_again(&mut self, message: Message) {
        self.forgotten += push(&mut self.again, message, self.room);
    }

    /// What leaves next: what was on its way as it was, then the newest of what waited, by now of the past.
    pub fn next(&mut self) -> Option<Message> {
        if let Some(message) = self.again.pop_front() {
            return Some(message);
        }
        let message = self.late.pop_back()?;
        let topic = match message.topic.strip_suffix("/telemetry") {
            Some(station) => format!("{station}/backfill"),
            None => message.topic,
        };
        Some(Message { topic, ..message })
    }
}

/// Puts one at the end; how many went at the front because there is no room.
fn push(queue: &mut VecDeque<Message>, message: Message, room: usize) -> u64 {
    let is_full = queue.len() >= room;
    if is_full {
        queue.pop_front();
    }
    queue.push_back(message);
    u64::from(is_full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reading::Timestamp;

    fn message(kind: &str, number: usize) -> Message {
        let payload = number.to_string().into_bytes();
        Message::new(Timestamp::from_secs(0), format!("b/v1/s/a/{kind}"), payload)
    }

    fn left(buffer: &mut Buffer) -> Vec<(String, String)> {
        let all = std::iter::from_fn(|| buffer.next());
        all.map(|it| {
            let kind = it.topic.rsplit('/').next().unwrap_or_default().to_owned();
            (kind, String::from_utf8_lossy(&it.payload).into_owned())
        })
        .collect()
    }

    #[test]
    fn what_was_on_its_way_goes_first_and_the_newest_of_what_waited_next() {
        let mut buffer = Buffer::new(9);
        (1..=3).for_each(|number| buffer.keep(message("telemetry", number)));
        buffer.keep(message("status", 4));
        buffer.take_back([message("telemetry", 0)].into_iter());
        let said = [
            ("status", "4"),
            ("telemetry", "0"),
            ("backfill", "3"),
            ("backfill", "2"),
            ("backfill", "1"),
        ];
        assert_eq!(left(&mut buffer), said.map(|(kind, text)| (kind.into(), text.into())));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_full_buffer_gives_up_the_oldest_and_counts_them() {
        let mut buffer = Buffer::new(100);
        (0..103).for_each(|number| buffer.keep(message("telemetry", number)));
        assert_eq!((buffer.len(), buffer.forgotten), (100, 3));
        (0..104).for_each(|number| buffer.take_back([message("status", number)].into_iter()));
        assert_eq!((buffer.len(), buffer.forgotten), (200, 7), "what goes again as well");
        let left = left(&mut buffer);
        assert_eq!((left[0].1.as_str(), left.last().unwrap().1.as_str()), ("4", "3"));
    }
}
