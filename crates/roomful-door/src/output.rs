//! What waits to be written to one connection. Empty, it holds no memory.
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Result, Write};

/// Frames given to the system in one call.
const MAX_SLICES: usize = 64;

/// In order; the first may be written in part.
#[derive(Debug, Default)]
pub struct Output(VecDeque<Bytes>);

impl Output {
    /// Appends.
    pub fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.0.push_back(bytes);
        }
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops everything but the first, of which a part may be out already. Returns how many bytes went.
    pub fn cut(&mut self) -> usize {
        let gone = self.0.iter().skip(1).map(Bytes::len).sum();
        self.0.truncate(1);
        gone
    }

    /// Writes until all is out, or the other side takes no more. Returns how many bytes went.
    pub fn write_to(&mut self, to: &mut impl Write) -> Result<usize> {
        let mut wrote = 0;
        while let Some(first) = self.0.front() {
            let offered;
            let taken = if self.0.len() == 1 {
                offered = first.len();
                to.write(first)
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let mut count = 0;
                for (slice, bytes) in slices.iter_mut().zip(&self.0) {
                    *slice = IoSlice::new(bytes);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or(&[]);
                offered = slices.iter().map(|s| s.len()).sum();
                to.write_vectored(slices)
            };
            match taken {
                Ok(0) if wrote > 0 => break,
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    wrote += taken;
                    self.advance(taken);
                    if taken < offered {
                        break;
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if self.0.is_empty() {
            self.0 = VecDeque::new();
        }
        Ok(wrote)
    }

    fn advance(&mut self, mut taken: usize) {
        while let Some(first) = self.0.front_mut() {
            if taken < first.len() {
                first.advance(taken);
                return;
            }
            taken -= first.len();
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Takes so many bytes at each call, then blocks once.
    struct Narrow(Vec<usize>, Vec<u8>);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let most = self.0.pop().filter(|n| *n > 0).ok_or(ErrorKind::WouldBlock)?;
            let taken = most.min(bytes.len());
            self.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize> {
            let all: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
            self.write(&all)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    proptest! {
        #[test]
        fn bytes_go_out_once_and_in_order(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..150),
            takes in prop::collection::vec(0usize..400, 0..30),
        ) {
            let mut output = Output::default();
            for frame in &frames {
                output.push(Bytes::copy_from_slice(frame));
            }
            let mut to = Narrow(takes, vec![]);
            let mut wrote = 0;
            while !to.0.is_empty() {
                wrote += output.write_to(&mut to).unwrap();
                if output.is_empty() { break }
            }
            let whole = frames.concat();
            prop_assert_eq!(wrote, to.1.len());
            prop_assert_eq!(&to.1[..], &whole[..wrote]);
            prop_assert_eq!(output.is_empty(), wrote == whole.len());
        }
    }
}
