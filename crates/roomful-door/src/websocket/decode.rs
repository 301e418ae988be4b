//! Frames as they arrive, in any pieces, made into messages (RFC 6455 §5).
//!
//! A frame that lies whole in what was read is handed on where it lies. Only what is cut is kept, and nothing is kept between
//! messages, so that an idle connection costs a pointer.
use super::close::{CloseReason, Fault};
use super::encode::Opcode;
use super::utf8::Utf8;
use super::{unmask, Kind, MAX_MESSAGE};

/// RFC 6455 §5.5.
const MAX_CONTROL: u64 = 125;
const LONGEST_HEAD: usize = 14;

/// What a client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Kind, &'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// May answer a ping.
    Pong(&'a [u8]),
    /// Nothing comes after it.
    Close(CloseReason),
}

/// Reads one connection. After a fault or a close nothing more is asked of it.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
    cut: Option<Box<Cut>>,
}

/// What is kept of frames that were not whole, and of a message in parts.
#[derive(Debug, Default)]
struct Cut {
    head: [u8; LONGEST_HEAD],
    head_length: usize,
    /// The frame whose payload is being read, and how much of it has come.
    frame: Option<Frame>,
    taken: u64,
    /// The message that is being put together.
    kind: Option<Kind>,
    utf8: Utf8,
    message: Vec<u8>,
    control: Vec<u8>,
    /// Handed out, and forgotten on the next call.
    spent: Option<Spent>,
}

#[derive(Debug, Clone, Copy)]
enum Spent {
    Message,
    Control,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    key: [u8; 4],
    length: u64,
}

impl Decoder {
    /// `max_message`: the largest payload of a message, in bytes.
    pub fn new(max_message: usize) -> Self {
        Self {
            max_message,
            cut: None,
        }
    }

    /// Bytes kept for a message that is not whole.
    pub fn held(&self) -> usize {
        let of = |c: &Cut| size_of::<Cut>() + c.message.capacity() + c.control.capacity();
        self.cut.as_ref().map_or(0, |cut| of(cut))
    }

    /// The next event in `input` from `*at`, which moves on; `None` when all is read.
    pub fn next<'a>(&'a mut self, input: &'a mut [u8], at: &mut usize) -> Result<Option<Event<'a>>, Fault> {
        self.forget();
        let rest = input.get(*at..).unwrap_or(&[]);
        if rest.is_empty() {
            return Ok(None);
        }
        if self.cut.is_none() {
            if let Some((frame, head)) = Frame::parse(rest)? {
                frame.check(None, self.max_message)?;
                let from = *at + head;
                let to = usize::try_from(frame.length)
                    .ok()
                    .and_then(|l| from.checked_add(l));
                if let Some(to) = to.filter(|to| frame.fin && *to <= input.len()) {
                    *at = to;
                    let payload = input.get_mut(from..to).unwrap_or_default();
                    unmask(payload, frame.key, 0);
                    return frame.event(payload).map(Some);
                }
            }
        }
        let cut = self.cut.get_or_insert_default();
        cut.next(input, at, self.max_message)
    }

    /// Drops what was handed out, and everything when nothing is begun.
    fn forget(&mut self) {
        let Some(cut) = &mut self.cut else { return };
        match cut.spent.take() {
            Some(Spent::Message) => cut.message = vec![],
            Some(Spent::Control) => cut.control = vec![],
            None => return,
        }
        if cut.kind.is_none() {
            self.cut = None;
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(MAX_MESSAGE)
    }
}

impl Cut {
    fn next(
        &mut self,
        input: &mut [u8],
        at: &mut usize,
        max_message: usize,
    ) -> Result<Option<Event<'_>>, Fault> {
        loop {
            let Some(frame) = self.frame else {
                let Some(frame) = self.take_head(input, at)? else {
                    return Ok(None);
                };
                frame.check(self.kind, max_message.saturating_sub(self.message.len()))?;
                self.kind = self.kind.or(frame.opcode.kind());
                self.frame = Some(frame);
                continue;
            };
            if !self.take_payload(&frame, input, at)? {
                return Ok(None);
            }
            self.frame = None;
            self.taken = 0;
            if frame.opcode.is_control() {
                self.spent = Some(Spent::Control);
                return frame.event(&self.control).map(Some);
            }
            if frame.fin {
                // Bytes of text were checked as they came; what may be missing is the end of a character.
                let whole = self.utf8.is_between();
                self.spent = Some(Spent::Message);
                let kind = self.kind.take().filter(|_| whole).ok_or(Fault::NotUtf8)?;
                return Ok(Some(Event::Message(kind, &self.message)));
            }
        }
    }

    fn take_head(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Frame>, Fault> {
        while let (Some(byte), Some(place)) = (input.get(*at), self.head.get_mut(self.head_length)) {
            *place = *byte;
            *at += 1;
            self.head_length += 1;
            let begun = self.head.get(..self.head_length).unwrap_or(&[]);
            if let Some((frame, _)) = Frame::parse(begun)? {
                self.head_length = 0;
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Reads on; `true` when the frame's payload is whole.
    fn take_payload(&mut self, frame: &Frame, input: &mut [u8], at: &mut usize) -> Result<bool, Fault> {
        let wanted = usize::try_from(frame.length.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        let there = wanted.min(input.len().saturating_sub(*at));
        let piece = input.get_mut(*at..*at + there).unwrap_or_default();
        unmask(piece, frame.key, (self.taken % 4) as usize);
        if frame.opcode.is_control() {
            self.control.extend_from_slice(piece);
        } else {
            if self.kind == Some(Kind::Text) && !self.utf8.push(piece) {
                return Err(Fault::NotUtf8);
            }
            self.message.extend_from_slice(piece);
        }
        *at += there;
        self.taken += there as u64;
        Ok(self.taken == frame.length)
    }
}

impl Frame {
    /// Reads a frame's head (§5.2), and its length; `None` while it is not whole. Refuses at the first byte that is wrong.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some(first) = bytes.first() else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Fault::Protocol("a reserved bit"));
        }
        let opcode = Opcode::from_bits(first & 0x0f).ok_or(Fault::Protocol("a reserved opcode"))?;
        let Some(second) = bytes.get(1) else {
            return Ok(None);
        };
        if second & 0x80 == 0 {
            return Err(Fault::Protocol("a frame without a mask"));
        }
        let after = bytes.get(2..).unwrap_or(&[]);
        let (length, rest) = match second & 0x7f {
            126 => match after.split_first_chunk::<2>() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match after.split_first_chunk::<8>() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), after),
        };
        let fewest = match second & 0x7f {
            126 => 126,
            127 => 65536,
            _ => 0,
        };
        if length < fewest || length > i64::MAX as u64 {
            return Err(Fault::Protocol("a length that is not written as it must be"));
        }
        let Some((key, payload)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let frame = Self {
            opcode,
            fin: first & 0x80 != 0,
            key: *key,
            length,
        };
        Ok(Some((frame, bytes.len() - payload.len())))
    }

    /// Whether it may come now: `begun` is the message that is being put together, `room` how much more of it is taken.
    fn check(&self, begun: Option<Kind>, room: usize) -> Result<(), Fault> {
        match self.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                if !self.fin {
                    return Err(Fault::Protocol("a control frame in parts"));
                }
                if self.length > MAX_CONTROL {
                    return Err(Fault::Protocol("a control frame of more than 125 bytes"));
                }
                return Ok(());
            }
            Opcode::Continuation if begun.is_none() => return Err(Fault::Protocol("nothing to continue")),
            Opcode::Text | Opcode::Binary if begun.is_some() => {
                return Err(Fault::Protocol("a message within a message"));
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {}
        }
        if self.length > room as u64 {
            return Err(Fault::TooLarge);
        }
        Ok(())
    }

    /// What a frame that is a whole message, or a control frame, says.
    fn event<'a>(&self, payload: &'a [u8]) -> Result<Event<'a>, Fault> {
        Ok(match self.opcode {
            Opcode::Text if !Utf8::is_whole(payload) => return Err(Fault::NotUtf8),
            Opcode::Text => Event::Message(Kind::Text, payload),
            Opcode::Binary | Opcode::Continuation => Event::Message(Kind::Binary, payload),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            Opcode::Close => Event::Close(CloseReason::parse(payload)?),
        })
    }
}
