//! Faults on demand: the next calls of an operation fail in a chosen way.
//!
//! Faults of webhooks are in `hub/webhooks`.

use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(not(any(test, feature = "testing")), expect(dead_code, reason = "tests plan faults"))]
pub enum Fault {
    /// The call is not performed, and answered with this status (500, 502, …).
    Status(u16),
    /// The call is not performed, and never answered.
    TimeOut,
    /// The call is performed; the connection breaks before the answer.
    LoseAnswer,
    /// The call is not performed: it hits the secondary rate limit. `retry_after` is in seconds.
    SecondaryLimit { status: u16, retry_after: u32 },
    /// The call is not performed: no requests are left for the next `reset_in` seconds.
    PrimaryLimit { reset_in: u32 },
}

#[derive(Default)]
pub struct Faults(Mutex<Vec<Planned>>);

struct Planned {
    operation: String,
    times: usize,
    fault: Fault,
}

impl Faults {
    /// Makes the next `times` calls whose operation contains `operation` fail with `fault`.
    #[cfg(any(test, feature = "testing"))]
    pub fn plan(&self, operation: &str, times: usize, fault: Fault) {
        let planned = Planned { operation: operation.to_owned(), times, fault };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
    }

    /// Returns the fault that is planned for this call, if there is one, and uses it up.
    pub fn take(&self, operation: &str) -> Option<Fault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it =
            |planned: &&mut Planned| planned.times > 0 && operation.contains(&planned.operation);
        let planned = all.iter_mut().find(is_it)?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_next_calls_of_its_operation_only() {
        let faults = Faults::default();
        faults.plan("POST /x", 2, Fault::Status(502));
        assert_eq!(faults.take("GET /x"), None);
        assert_eq!(faults.take("POST /x"), Some(Fault::Status(502)));
        assert_eq!(faults.take("POST /x/y"), Some(Fault::Status(502)));
        assert_eq!(faults.take("POST /x"), None);
    }
}
