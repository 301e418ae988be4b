//! Relaying a message allocates for the message, never for a receiver.
#![allow(clippy::indexing_slicing)]

#[path = "../../roomful-rtc/tests/support/counting.rs"]
mod counting;

use counting::allocations;
use roomful_hub::command::{Command, Speech, Who};
use roomful_hub::{Acceptance, Config, ConnectionId, Event, Head, Hub, Input, Message, OnSlow, Sink};
#[derive(Default)]
struct Receivers(usize);

impl Sink for Receivers {
    fn deliver(&mut self, to: &[ConnectionId], except: Option<ConnectionId>, message: &Message, _: OnSlow) {
        for id in to.iter().filter(|id| Some(**id) != except) {
            let shared = message.clone();
            self.0 += usize::from(id.0 > 0 && !shared.payload.is_empty());
        }
    }

    fn accept(&mut self, _: ConnectionId, _: &Acceptance) {}
    fn refuse(&mut self, _: ConnectionId, _: u16, _: &[(String, String)], _: &[u8]) {}
    fn close(&mut self, _: ConnectionId, _: u16, _: &str) {}
    fn event(&mut self, _: Event) {}
}

fn room(members: u64) -> Hub {
    let mut hub = Hub::new(Config::default());
    for n in 1..=members {
        let connection = ConnectionId(n);
        let accept = Command::Accept {
            connection,
            speech: Speech::Relay,
            who: Who::default(),
            how: Acceptance::default(),
        };
        let join = Command::Join {
            connection,
            channel: "c".into(),
            info: None,
        };
        let head = Head::default();
        let inputs = [
            Input::Opened { connection, head },
            Input::Command(accept),
            Input::Command(join),
        ];
        for input in inputs {
            hub.handle(input, 0, &mut Receivers::default());
        }
    }
    hub
}

#[test]
fn nothing_is_allocated_for_a_receiver() {
    assert_eq!(allocations(|| drop(vec![1u8])), 1, "the counter counts");
    let counts = [2, 10, 200].map(|members| {
        let mut hub = room(members);
        let mut sink = Receivers::default();
        let said =
            Message::text(r#"{"type":"publish","channel":"c","data":{"x":[1,2,3],"text":"some words"}}"#);
        let input = Input::Message {
            connection: ConnectionId(1),
            message: said,
        };
        let count = allocations(|| hub.handle(input, 1, &mut sink));
        assert_eq!(sink.0 as u64, members - 1);
        count
    });
    assert!(
        counts.iter().all(|count| *count == counts[0] && *count <= 3),
        "{counts:?}"
    );
}
