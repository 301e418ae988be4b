//! Text to `Description`. Called with what strangers send: bounded, linear, and an error names the line and what was expected.
//!
//! Unknown lines and attributes are passed over; known ones that cannot be read are errors.
use super::attribute;
use super::model::{Description, Kind, Section};
use std::collections::HashSet;

/// How much is read at most. What hangs on one section is bounded by constants of `attribute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of the whole text.
    pub bytes: usize,
    /// `m=` lines.
    pub sections: usize,
    /// `a=` lines of one section, or of the session.
    pub attributes: usize,
}

impl Default for Limits {
    /// 1 MiB (a browser's offer with 50 audio and 50 video sections has 330 KiB), 1,000 sections, 2,000 attributes each.
    fn default() -> Self {
        Limits {
            bytes: 1024 * 1024,
            sections: 1000,
            attributes: 2000,
        }
    }
}

/// Why a text is no session description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Not read at all.
    #[error("session description of {bytes} bytes, at most {limit} are read")]
    TooLong {
        /// Of the text.
        bytes: usize,
        /// Of the limits.
        limit: usize,
    },
    /// Too many of something.
    #[error("line {line}: more than {limit} {what}")]
    TooMany {
        /// From 1.
        line: usize,
        /// In the plural.
        what: &'static str,
        /// Most that are read.
        limit: usize,
    },
    /// Something else stands there.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Malformed {
        /// From 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
        /// What does, shortened to 60 characters.
        found: String,
    },
    /// No `m=` line.
    #[error("line {line}: expected at least one m= line before the end")]
    NoSections {
        /// The last one.
        line: usize,
    },
}

/// What one attribute can be wrong about; the line number is added by the caller.
#[derive(Debug)]
pub(super) enum Fault {
    Expected(&'static str),
    TooMany { what: &'static str, limit: usize },
}

impl Fault {
    fn at(self, line: usize, text: &str) -> SdpError {
        match self {
            Fault::Expected(expected) => SdpError::Malformed {
                line,
                expected,
                found: text.chars().take(60).collect(),
            },
            Fault::TooMany { what, limit } => SdpError::TooMany { line, what, limit },
        }
    }
}

/// Reads a description. Lines may end in CRLF or LF.
pub fn parse(text: &str, limits: &Limits) -> Result<Description, SdpError> {
    if text.len() > limits.bytes {
        return Err(SdpError::TooLong {
            bytes: text.len(),
            limit: limits.bytes,
        });
    }
    let mut reader = Reader::new(limits);
    let mut number = 0;
    for raw in text.split('\n') {
        number += 1;
        let line = raw.strip_suffix('\r').unwrap_or(raw);
        let fault = if line.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            Err(Fault::Expected("no control characters"))
        } else if number == 1 {
            if line == "v=0" {
                Ok(())
            } else {
                Err(Fault::Expected("v=0"))
            }
        } else {
            reader.line(line)
        };
        fault.map_err(|fault| fault.at(number, line))?;
    }
    reader.finish(number)
}

struct Reader<'l> {
    limits: &'l Limits,
    out: Description,
    /// What sections inherit; its own place for session attributes.
    session: Section,
    current: Option<attribute::Open>,
    attributes: usize,
}

impl<'l> Reader<'l> {
    fn new(limits: &'l Limits) -> Self {
        let session = attribute::blank();
        Reader {
            limits,
            out: Description::default(),
            session,
            current: None,
            attributes: 0,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Fault> {
        if line.is_empty() {
            return Ok(());
        }
        let Some((kind, value)) = line.split_once('=') else {
            return Err(Fault::Expected("a line of the form x=…"));
        };
        match kind {
            "m" => self.media(value),
            "a" => self.attribute(value.trim_end()),
            "o" if self.current.is_none() => self.origin(value),
            "b" => {
                let section = self
                    .current
                    .as_mut()
                    .map_or(&mut self.session, |open| &mut open.section);
                attribute::bandwidth(section, value);
                Ok(())
            }
            kind if kind.len() == 1 => Ok(()),
            _ => Err(Fault::Expected("a line of the form x=…")),
        }
    }

    /// `o=<user> <id> <version> IN IP4 <address>` (RFC 8866 §5.2).
    fn origin(&mut self, value: &str) -> Result<(), Fault> {
        let mut words = value.split_ascii_whitespace().skip(1);
        let (Some(id), Some(version)) = (words.next(), words.next()) else {
            return Err(Fault::Expected("o=<user> <session id> <version> …"));
        };
        self.out.session_id = id.to_owned();
        self.out.session_version = version
            .parse()
            .map_err(|_| Fault::Expected("a numeric session version"))?;
        Ok(())
    }

    fn media(&mut self, value: &str) -> Result<(), Fault> {
        self.close();
        if self.out.sections.len() >= self.limits.sections {
            return Err(Fault::TooMany {
                what: "sections",
                limit: self.limits.sections,
            });
        }
        self.attributes = 0;
        self.current = Some(attribute::open(&self.session, value)?);
        Ok(())
    }

    fn attribute(&mut self, text: &str) -> Result<(), Fault> {
        self.attributes += 1;
        if self.attributes > self.limits.attributes {
            return Err(Fault::TooMany {
                what: "attributes",
                limit: self.limits.attributes,
            });
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        if let Some(open) = self.current.as_mut() {
            return attribute::read(open, name, value);
        }
        match name {
            "ice-lite" => self.out.ice_lite = true,
            "extmap-allow-mixed" => {
                self.out.extmap_allow_mixed = true;
                self.session.extmap_allow_mixed = true;
            }
            "group" => self.group(value)?,
            _ => {
                attribute::inherit(&mut self.session, name, value)?;
            }
        }
        Ok(())
    }

    /// `a=group:BUNDLE <mid> …` (RFC 8843 §5); further groups are passed over.
    fn group(&mut self, value: &str) -> Result<(), Fault> {
        let mut words = value.split_ascii_whitespace();
        if words.next() != Some("BUNDLE") || !self.out.bundle.is_empty() {
            return Ok(());
        }
        for mid in words {
            if self.out.bundle.len() >= self.limits.sections {
                return Err(Fault::TooMany {
                    what: "bundled sections",
                    limit: self.limits.sections,
                });
            }
            self.out.bundle.push(mid.to_owned());
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.current.take() {
            self.out
                .sections
                .push(attribute::close(open, self.out.sections.len()));
        }
    }

    fn finish(mut self, line: usize) -> Result<Description, SdpError> {
        self.close();
        if self.out.sections.is_empty() {
            return Err(SdpError::NoSections { line });
        }
        let bundle: HashSet<&str> = self.out.bundle.iter().map(String::as_str).collect();
        let live = self
            .out
            .sections
            .iter()
            .filter(|section| !section.rejected)
            .count();
        let mut mids = HashSet::with_capacity(self.out.sections.len());
        for section in &mut self.out.sections {
            // A single section needs no group (plain WHIP and data-only clients).
            section.bundled = !section.rejected
                && (bundle.contains(section.mid.as_str()) || (bundle.is_empty() && live == 1));
            if !mids.insert(section.mid.clone()) {
                return Err(Fault::Expected("each mid once").at(line, &section.mid));
            }
            if section.kind == Kind::Other {
                section.codecs.clear();
            }
        }
        Ok(self.out)
    }
}
