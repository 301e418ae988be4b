//! The one writer of descriptions. Called by `answer` and `offer`; decides nothing, and never lets a control character through.
use super::extension::ExtMap;
use super::model::{CodecLine, Direction, Feedback, Setup};
use super::negotiate::{LocalParameters, Outgoing};
use std::fmt::{Display, Write};

/// A section as it will be written.
pub(super) struct Draft<'a> {
    pub media: &'a str,
    pub proto: &'a str,
    /// Empty for an offer without mids.
    pub mid: &'a str,
    pub body: Body<'a>,
}

pub(super) enum Body<'a> {
    /// Port 0; `formats` are echoed.
    Rejected {
        formats: &'a str,
    },
    Data {
        port: u16,
        max_message_size: u64,
    },
    Media(Media<'a>),
}

pub(super) struct Media<'a> {
    pub direction: Direction,
    pub codecs: &'a [CodecLine],
    pub extensions: Vec<ExtMap>,
    /// rids that we receive.
    pub rids: &'a [String],
    pub rtcp_rsize: bool,
    pub outgoing: Option<&'a Outgoing>,
}

pub(super) struct Session<'a> {
    pub setup: Setup,
    pub bundle: bool,
    pub extmap_allow_mixed: bool,
    pub sections: &'a [Draft<'a>],
}

/// Writes it all. Candidates stand in the first live section only: the others share its transport (RFC 8843 §7).
pub(super) fn write(local: &LocalParameters<'_>, session: &Session<'_>) -> String {
    let mut out = Text(String::with_capacity(
        session.sections.len().saturating_mul(1200).saturating_add(512),
    ));
    out.line(format_args!("v=0"));
    out.line(format_args!(
        "o=- {} {} IN IP4 127.0.0.1",
        local.session_id, local.session_version
    ));
    out.line(format_args!("s=-"));
    out.line(format_args!("t=0 0"));
    let live = || {
        session
            .sections
            .iter()
            .filter(|draft| !matches!(draft.body, Body::Rejected { .. }))
    };
    if session.bundle {
        out.put("a=group:BUNDLE");
        for draft in live() {
            out.put(" ");
            out.put(draft.mid);
        }
        out.end();
    }
    if local.ice_lite {
        out.line(format_args!("a=ice-lite"));
    }
    if session.extmap_allow_mixed {
        out.line(format_args!("a=extmap-allow-mixed"));
    }
    out.line(format_args!("a=msid-semantic: WMS *"));
    let mut first = true;
    for draft in session.sections {
        out.section(draft, local, session.setup, first);
        first &= matches!(draft.body, Body::Rejected { .. });
    }
    out.0
}

struct Text(String);

impl Text {
    /// Control characters are left out, so that no value can start a line of its own.
    fn put(&mut self, text: &str) {
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            self.0.extend(text.chars().filter(|c| !c.is_ascii_control()));
        } else {
            self.0.push_str(text);
        }
    }

    fn put_value(&mut self, value: impl Display) {
        // Writing to a String cannot fail. Numbers only come this way.
        let _ = write!(self.0, "{value}");
    }

    fn end(&mut self) {
        self.0.push_str("\r\n");
    }

    /// For lines made of numbers and words of our own.
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(line);
        self.end();
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.put("a=");
        self.put(name);
        self.put(":");
        self.put(value);
        self.end();
    }

    fn section(&mut self, draft: &Draft<'_>, local: &LocalParameters<'_>, setup: Setup, first: bool) {
        let port = if matches!(draft.body, Body::Rejected { .. }) {
            0
        } else {
            9
        };
        self.put("m=");
        self.put(draft.media);
        self.put_value(format_args!(" {port} "));
        self.put(draft.proto);
        match &draft.body {
            Body::Rejected { formats } => {
                self.put(" ");
                self.put(formats);
            }
            Body::Data { .. } => self.put(" webrtc-datachannel"),
            Body::Media(media) => {
                for codec in media.codecs {
                    self.put_value(format_args!(" {}", codec.pt));
                    if let Some(rtx) = codec.rtx_pt {
                        self.put_value(format_args!(" {rtx}"));
                    }
                }
            }
        }
        self.end();
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if !draft.mid.is_empty() {
            self.attribute("mid", draft.mid);
        }
        if port == 0 {
            self.line(format_args!("a=inactive"));
            return;
        }
        self.transport(local, setup, first);
        match &draft.body {
            Body::Rejected { .. } => {}
            Body::Data {
                port,
                max_message_size,
            } => {
                self.line(format_args!("a=sctp-port:{port}"));
                self.line(format_args!("a=max-message-size:{max_message_size}"));
            }
            Body::Media(media) => self.media(media),
        }
    }

    fn transport(&mut self, local: &LocalParameters<'_>, setup: Setup, first: bool) {
        self.attribute("ice-ufrag", local.ufrag);
        self.attribute("ice-pwd", local.pwd);
        self.put("a=fingerprint:sha-256 ");
        self.put(local.fingerprint_sha256);
        self.end();
        self.attribute("setup", setup.as_str());
        if !first {
            return;
        }
        for candidate in local.candidates {
            self.put("a=");
            self.put(candidate);
            self.end();
        }
        if local.end_of_candidates {
            self.line(format_args!("a=end-of-candidates"));
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        for map in &media.extensions {
            self.put_value(format_args!("a=extmap:{}", map.id));
            if map.direction != Direction::SendRecv {
                self.put("/");
                self.put(map.direction.as_str());
            }
            self.put(" ");
            self.put(&map.uri);
            self.end();
        }
        self.line(format_args!("a={}", media.direction.as_str()));
        let outgoing = media.outgoing.filter(|_| media.direction.sends());
        if let Some(outgoing) = outgoing {
            self.put("a=msid:");
            self.msid(outgoing);
            self.end();
        }
        self.line(format_args!("a=rtcp-mux"));
        if media.rtcp_rsize {
            self.line(format_args!("a=rtcp-rsize"));
        }
        for codec in media.codecs {
            self.codec(codec);
        }
        if media.direction.receives() && !media.rids.is_empty() {
            self.simulcast(media.rids);
        }
        if let Some(outgoing) = outgoing {
            self.sources(outgoing);
        }
    }

    fn codec(&mut self, codec: &CodecLine) {
        let pt = codec.pt;
        self.put_value(format_args!("a=rtpmap:{pt} "));
        self.put(&codec.name);
        self.put_value(format_args!("/{}", codec.clock_rate));
        if codec.channels > 1 {
            self.put_value(format_args!("/{}", codec.channels));
        }
        self.end();
        for (is_on, word) in feedback_words(codec.feedback) {
            if is_on {
                self.line(format_args!("a=rtcp-fb:{pt} {word}"));
            }
        }
        if !codec.fmtp.is_empty() {
            self.put_value(format_args!("a=fmtp:{pt} "));
            self.put(&codec.fmtp);
            self.end();
        }
        if let Some(rtx) = codec.rtx_pt {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{}", codec.clock_rate));
            self.line(format_args!("a=fmtp:{rtx} apt={pt}"));
        }
    }

    fn simulcast(&mut self, rids: &[String]) {
        for rid in rids {
            self.put("a=rid:");
            self.put(rid);
            self.put(" recv");
            self.end();
        }
        self.put("a=simulcast:recv ");
        for (index, rid) in rids.iter().enumerate() {
            if index > 0 {
                self.put(";");
            }
            self.put(rid);
        }
        self.end();
    }

    fn msid(&mut self, outgoing: &Outgoing) {
        self.put(&outgoing.stream);
        if !outgoing.track.is_empty() {
            self.put(" ");
            self.put(&outgoing.track);
        }
    }

    fn sources(&mut self, outgoing: &Outgoing) {
        if let Some(rtx) = outgoing.rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {} {rtx}", outgoing.ssrc));
        }
        for ssrc in [Some(outgoing.ssrc), outgoing.rtx_ssrc].into_iter().flatten() {
            self.put_value(format_args!("a=ssrc:{ssrc} cname:"));
            self.put(&outgoing.cname);
            self.end();
            self.put_value(format_args!("a=ssrc:{ssrc} msid:"));
            self.msid(outgoing);
            self.end();
        }
    }
}

fn feedback_words(feedback: Feedback) -> [(bool, &'static str); 5] {
    [
        (feedback.remb, "goog-remb"),
        (feedback.transport_cc, "transport-cc"),
        (feedback.fir, "ccm fir"),
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
    ]
}
