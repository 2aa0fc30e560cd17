//! A blob's bytes on their way: in one piece or in several, and on from where the registry has them when a connection
//! broke (distribution specification, "Pushing blobs"). Knows no image and no login.

use crate::client::Target;
use crate::config::Uploads;
use crate::error::{Error, Result};
use crate::http::{Payload, REDIRECTS, Response};
use crate::manner::Manner;
use crate::push::{Open, Push, Pushed, Welcome};
use crate::source::Source;
use crate::url::Url;
use crate::wait;
use ureq::http::Method;

/// Bytes from which on a registry is asked whether it wants a piece before it is sent.
const ASKED_FIRST: u64 = 1 << 20;

/// An upload that moved on by this much before it broke counts as the first to fail, whatever was before.
const PROGRESS: u64 = 1 << 20;

/// A blob that is being sent.
pub(crate) struct Upload<'p, 'o> {
    push: &'p Push<'p>,
    open: &'p Open<'o>,
    source: Option<Source<'p>>,
    session: Option<Session>,
    sizes: Uploads,
    manner: Manner,
    /// Failures in a row, without progress between them.
    failures: u32,
    /// The furthest that the registry ever had.
    furthest: u64,
    /// Whether the last refusal for want of a login was of content, which is not sent twice by itself.
    expired: bool,
    /// Whether the registry refused pieces, whatever it says of their size.
    pieces_refused: bool,
}

/// What the registry has of it.
struct Session {
    address: Url,
    done: u64,
    /// Whether that is to be asked, as something broke.
    unsure: bool,
}

impl<'p, 'o> Upload<'p, 'o> {
    pub(crate) fn new(push: &'p Push<'p>, open: &'p Open<'o>) -> Result<Self> {
        let sizes = push.client.uploads()?;
        let manner = Manner::of(push.blob.size, sizes);
        let (failures, furthest, expired, pieces_refused) = (0, 0, false, false);
        Ok(Self { push, open, source: None, session: None, sizes, manner, failures, furthest, expired, pieces_refused })
    }

    /// Sends it, as often as it takes.
    pub(crate) fn run(mut self) -> Result<Pushed> {
        loop {
            match self.attempt() {
                Ok(pushed) => return Ok(pushed),
                Err(error) => self.recover(error)?,
            }
        }
    }

    fn attempt(&mut self) -> Result<Pushed> {
        if self.session.as_ref().is_some_and(|session| session.unsure) {
            self.catch_up()?;
        }
        let mut session = match self.session.take() {
            Some(session) => session,
            None => match self.push.announce()? {
                Welcome::Done(pushed) => return Ok(pushed),
                Welcome::Send(begun) => self.begin(&begun)?,
            },
        };
        let sent = self.send(&mut session);
        self.session = Some(session);
        sent.map(|()| Pushed::Uploaded)
    }

    fn begin(&mut self, begun: &Response) -> Result<Session> {
        let address = self.push.address(begun)?;
        let address = address.ok_or_else(|| self.push.unusable("it begins an upload without a usable address"))?;
        if !self.pieces_refused {
            let least = begun.header("oci-chunk-min-length").and_then(|text| text.trim().parse::<u64>().ok());
            self.manner = self.manner.at_least(least.unwrap_or(0), self.push.blob.size, self.sizes);
        }
        Ok(Session { address, done: 0, unsure: false })
    }

    /// Sends all that is missing, and ends the upload.
    fn send(&mut self, session: &mut Session) -> Result<()> {
        session.unsure = true;
        let (digest, size) = (self.push.blob.digest.to_string(), self.push.blob.size);
        if self.manner == Manner::Whole && session.done == 0 && size > 0 {
            let address = session.address.clone().with_query([("digest", digest.as_str())]);
            let answer = self.stream(&Method::PUT, address, (0, size), &[201, 204])?;
            return self.push.agrees(&answer);
        }
        while session.done < size {
            let end = self.manner.piece().map_or(size, |piece| size.min(session.done.saturating_add(piece)));
            let answer = self.stream(&Method::PATCH, session.address.clone(), (session.done, end), &[201, 202, 204])?;
            session.address = self.push.address(&answer)?.unwrap_or_else(|| session.address.clone());
            let done = has(&answer).filter(|has| *has > 0).unwrap_or(end);
            if done <= session.done || done > end {
                let reason = format!("of the {end} bytes that were sent it says that it has {done}");
                return Err(self.push.unusable(reason));
            }
            session.done = done;
            self.moved(done);
        }
        let address = session.address.clone().with_query([("digest", digest.as_str())]);
        let answer = self.push.ask(Method::PUT, Target::Address(address), Payload::Bytes(Vec::new()), &[201, 204])?;
        self.push.agrees(&answer)
    }

    /// Sends a part of the content, wherever the registry redirects it.
    fn stream(
        &mut self,
        method: &Method,
        address: Url,
        (start, end): (u64, u64),
        accepted: &[u16],
    ) -> Result<Response> {
        let accepted = [accepted, &[307, 308]].concat();
        let mut address = address;
        for _ in 0..=REDIRECTS {
            let answer = self.stream_to(method, address.clone(), (start, end), &accepted)?;
            if !matches!(answer.status, 307 | 308) {
                return Ok(answer);
            }
            self.source = None;
            address = self.push.address(&answer)?.ok_or_else(|| self.push.unusable("it redirects nowhere"))?;
        }
        Err(self.push.unusable(format!("it redirects more than {REDIRECTS} times")))
    }

    fn stream_to(
        &mut self,
        method: &Method,
        address: Url,
        (start, end): (u64, u64),
        accepted: &[u16],
    ) -> Result<Response> {
        let (push, size) = (self.push, self.push.blob.size);
        let mut source = match self.source.take().filter(|source| source.at() == start) {
            Some(source) => source,
            None => (self.open)()
                .and_then(|inner| Source::new(inner, push.blob, push.client.cancel(), start))
                .map_err(|error| push.client.cancel().check().map_or_else(Error::from, |()| push.unreadable(error)))?,
        };
        let mut headers = vec![("content-type", "application/octet-stream".to_owned())];
        if *method == Method::PATCH {
            headers.push(("content-range", format!("{start}-{}", end.saturating_sub(1))));
        }
        if end - start >= ASKED_FIRST {
            headers.push(("expect", "100-continue".to_owned()));
        }
        let payload = Payload::Stream(source.up_to(end), end - start);
        let result = push.ask_with(headers, method.clone(), Target::Address(address), payload, accepted);
        if let Some(failed) = source.take_failure() {
            return Err(push.unreadable(failed));
        }
        self.expired = matches!(result, Err(Error::Unauthorized { .. }));
        if source.at() == end && end < size {
            self.source = Some(source);
        }
        result
    }

    /// Asks what the registry has of it; an upload that it does not know any more, or nothing of, begins anew.
    fn catch_up(&mut self) -> Result<()> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let target = Target::Address(session.address.clone());
        let answer = self.push.ask(Method::GET, target, Payload::Nothing, &[200, 202, 204, 404, 405, 400, 501])?;
        let done = has(&answer).filter(|done| (1..=self.push.blob.size).contains(done));
        if let (200..=204, Some(done)) = (answer.status, done) {
            let address = self.push.address(&answer)?.unwrap_or(session.address);
            self.session = Some(Session { address, done, unsure: false });
            self.moved(done);
        }
        Ok(())
    }

    fn moved(&mut self, done: u64) {
        if done >= self.furthest.saturating_add(PROGRESS.min(self.push.blob.size)) {
            (self.failures, self.furthest) = (0, done);
        }
    }

    /// Decides how to go on after a failure, and waits as long as that takes; gives the failure back where there is
    /// nothing more to try.
    fn recover(&mut self, error: Error) -> Result<()> {
        self.source = None;
        let (config, size) = (self.push.client.config(), self.push.blob.size);
        if let (Some(manner), true) = (self.manner.after(&error, size, self.sizes), self.session.is_some()) {
            (self.manner, self.session) = (manner, None);
            if manner != Manner::Whole {
                return Ok(());
            }
            // Broken connections bring pieces back, so that refusals of them have to end somewhere.
            self.failures += 1;
            let again = std::mem::replace(&mut self.pieces_refused, true);
            return if again && self.failures >= config.retry.attempts { Err(error) } else { Ok(()) };
        }
        self.failures += 1;
        if matches!(error, Error::Interrupted { .. }) {
            self.manner = self.manner.softened(self.failures, size, self.sizes);
        }
        if std::mem::take(&mut self.expired) && self.failures < config.retry.attempts.min(3) {
            return Ok(());
        }
        // The registry forgot the upload, or counts otherwise than it says.
        let lost = matches!(error, Error::NotFound { .. } | Error::Status { status: 416, .. });
        if lost && self.session.take().is_some() && self.failures < config.retry.attempts {
            return Ok(());
        }
        match config.retry.wait_after(&error, self.failures) {
            Some(time) => Ok(wait::pause(self.push.client.cancel(), time)?),
            None => Err(error),
        }
    }
}

/// How many bytes the registry says that it has: `Range: 0-N`. The empty upload is `0-0` too.
fn has(answer: &Response) -> Option<u64> {
    let range = answer.header("range")?;
    let last: u64 = range.trim_start_matches("bytes=").strip_prefix("0-")?.trim().parse().ok()?;
    Some(if last == 0 { 0 } else { last + 1 })
}
