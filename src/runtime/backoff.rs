//! Back-off that slows and never gives up: exponential, capped, with full jitter on the upper
//! half, so that many waiters drift apart (AWS Architecture Blog, "Exponential Backoff And
//! Jitter", the "equal jitter" variant).

use jiff::SignedDuration;

/// How long to wait after the n-th failure in a row. Cannot be built wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: SignedDuration,
    longest: SignedDuration,
}

impl Backoff {
    /// Waits `first` after one failure, doubling up to `longest`.
    ///
    /// # Errors
    /// A fragment, when `first` is not positive or `longest` is shorter than `first`.
    pub fn new(first: SignedDuration, longest: SignedDuration) -> Result<Self, String> {
        if first <= SignedDuration::ZERO {
            return Err("the first wait must be longer than zero".into());
        }
        if longest < first {
            return Err("the longest wait must not be shorter than the first".into());
        }
        Ok(Self { first, longest })
    }

    /// The wait after `failures` in a row; `jitter` in 0…1 chooses inside its upper half.
    /// Zero failures need no wait.
    pub fn after(&self, failures: u32, jitter: f64) -> SignedDuration {
        if failures == 0 {
            return SignedDuration::ZERO;
        }
        let doubled =
            self.first.as_secs_f64() * 2f64.powi(i32::try_from(failures - 1).unwrap_or(i32::MAX).min(62));
        let full = doubled.min(self.longest.as_secs_f64());
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
        SignedDuration::from_secs_f64(full / 2.0 + full / 2.0 * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_cap_and_never_gives_up() {
        let backoff =
            Backoff::new(SignedDuration::from_secs(10), SignedDuration::from_mins(60)).expect("valid");
        let waits: Vec<i64> =
            [0, 1, 2, 3, 9, 10, u32::MAX].iter().map(|n| backoff.after(*n, 1.0).as_secs()).collect();
        assert_eq!(waits, [0, 10, 20, 40, 2_560, 3_600, 3_600]);
        assert_eq!(backoff.after(3, 0.0).as_secs(), 20);
    }

    #[test]
    fn cannot_be_built_wrong() {
        assert!(Backoff::new(SignedDuration::ZERO, SignedDuration::from_secs(1)).is_err());
        assert!(Backoff::new(SignedDuration::from_secs(2), SignedDuration::from_secs(1)).is_err());
    }
}
