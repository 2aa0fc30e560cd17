//! How slowly a body may come: a host that sends a byte now and then keeps no transfer alive. Knows bytes and time, no
//! HTTP.

use std::io;
use std::time::{Duration, Instant};

/// Bytes a second below which a host counts as fallen silent.
const LEAST: u64 = 256;

/// Watches a body come.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Of a body that begins now, where silence is borne so long.
    pub(crate) fn new(idle: Duration) -> Self {
        Self { idle, since: Instant::now(), bytes: 0 }
    }

    /// So many bytes came. Fails where in the time for which silence is borne next to nothing came.
    pub(crate) fn came(&mut self, count: usize) -> io::Result<()> {
        self.bytes += count as u64;
        let took = self.since.elapsed();
        if took < self.idle {
            return Ok(());
        }
        if u128::from(self.bytes) * 1000 < u128::from(LEAST) * took.as_millis() {
            let text = format!("it sent {} bytes in {:.0} s", self.bytes, took.as_secs_f64());
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        *self = Self::new(self.idle);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_no_flow() {
        let mut slow = Pace::new(Duration::from_millis(40));
        slow.came(1).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert!(slow.came(1).unwrap_err().to_string().contains("2 bytes"));
        let mut fast = Pace::new(Duration::from_millis(40));
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(50));
            fast.came(1 << 20).unwrap();
        }
    }
}
