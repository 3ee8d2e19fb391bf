//! Messages between the nodes, and what nodes return.

use super::Room;
use crate::engine::Engine;
use crate::fuzz::seat::contact;
use musig2_proto::{Command, Destination, Input, Output, Severity};

/// How many messages may be in flight before the oldest is lost.
const MAX_MAIL: usize = 200;

/// A message in flight.
pub(super) struct Letter {
    pub(super) to: usize,
    pub(super) input: Input,
}

impl<C: Engine> Room<C> {
    pub(in crate::fuzz) fn deliver_all(&mut self) {
        // Delivers only the messages in flight now. Those that they cause have to wait.
        for _ in 0..self.mail.len() {
            self.deliver(0);
        }
    }

    pub(in crate::fuzz) fn deliver(&mut self, place: usize) {
        if let Some(letter) = self.take(place) {
            self.hand_over(letter);
        }
    }

    pub(in crate::fuzz) fn lose(&mut self, place: usize) {
        self.take(place);
    }

    pub(in crate::fuzz) fn double(&mut self, place: usize) {
        if let Some(letter) = self.take(place) {
            let again = Letter { to: letter.to, input: letter.input.clone() };
            self.hand_over(letter);
            self.post(again);
        }
    }

    pub(in crate::fuzz) fn put_off(&mut self, place: usize) {
        let letter = self.take(place);
        letter.into_iter().for_each(|letter| self.post(letter));
    }

    pub(in crate::fuzz) fn lose_all_to(&mut self, seat: usize) {
        self.mail.retain(|letter| letter.to != seat);
    }

    pub(super) fn deliver_everything(&mut self) {
        let mut delivered = 0;
        while !self.mail.is_empty() {
            assert!(delivered < 5_000, "three nodes do not stop talking");
            delivered += 1;
            self.deliver(0);
        }
    }

    pub(super) fn take(&mut self, place: usize) -> Option<Letter> {
        // Any number names some message, so that no byte of the fuzzer's is wasted.
        let place = place.checked_rem(self.mail.len())?;
        Some(self.mail.remove(place))
    }

    pub(super) fn post(&mut self, letter: Letter) {
        self.mail.push(letter);
        // Once healed, the network must lose nothing, or the end could not be demanded.
        if self.mail.len() > MAX_MAIL && !self.healed {
            self.mail.remove(0);
        }
    }

    pub(super) fn hand_over(&mut self, Letter { to, input }: Letter) {
        self.give(to, input);
    }

    pub(super) fn give(&mut self, seat: usize, input: Input) {
        if self.applications[seat].up {
            let now = self.clock(seat);
            let outputs = self.seats[seat].handle(now, input);
            self.carry(seat, outputs);
        }
    }

    pub(super) fn order(&mut self, seat: usize, command: Command) {
        if self.applications[seat].up {
            let now = self.clock(seat);
            let outputs = self.seats[seat].order(now, command);
            self.carry(seat, outputs);
        }
    }

    pub(super) fn carry(&mut self, from: usize, outputs: Vec<Output>) {
        // An application stores the announcement before anything of the session leaves.
        for (session, kept) in
            self.seats[from].node.sessions().map(|view| (view.id, view.joined.contains(&view.me)))
        {
            if kept && let Some(bytes) = self.seats[from].node.announcement(&session) {
                self.applications[from].kept.insert(session, bytes);
            }
        }
        let source = self.seats[from].source();
        for output in outputs {
            match output {
                Output::Publish(bytes) => {
                    for to in (0..3).filter(|&to| to != from) {
                        let (from, bytes) = (source.clone(), bytes.clone());
                        self.post(Letter { to, input: Input::Announcement { from, bytes } });
                    }
                }
                Output::Send { to, bytes } => {
                    self.frames.iter_mut().for_each(|frames| frames.push(bytes.clone()));
                    let to = (0..3).find(|&seat| is(&to, seat));
                    let to = usize::from(to.unwrap_or_else(|| panic!("sends to nobody")));
                    self.post(Letter { to, input: Input::Frame { from: source.clone(), bytes } });
                }
                Output::Event(event) => self.tell(from, &event),
                Output::Report(report) => {
                    let malicious = report.offence.severity() == Severity::Malicious;
                    assert!(!malicious, "an honest peer is reported: {report:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn is(to: &Destination, seat: u8) -> bool {
    match to {
        Destination::Contact(address) => *address == contact(seat),
        Destination::Source(address) => address.as_bytes() == [seat],
    }
}
