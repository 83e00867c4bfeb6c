//! Times and durations on a page; the templates escape them.

use jiff::{SignedDuration, Timestamp};

/// A time, for people and for machines.
#[derive(Clone, Debug)]
pub struct Moment {
    pub machine: String,
    pub text: String,
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self { machine: at.to_string(), text: at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string() }
    }
}

/// Returns a duration with a precision that suits its length.
pub fn took(time: SignedDuration) -> String {
    let millis = time.as_millis().max(0);
    match millis / 1_000 {
        0 => format!("{millis} ms"),
        seconds @ 1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        seconds @ 60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_units_that_matter() {
        let of = |millis| took(SignedDuration::from_millis(millis));
        assert_eq!([of(-5), of(120), of(59_990)], ["0 ms", "120 ms", "59.9 s"]);
        assert_eq!([of(61_000), of(3_661_000)], ["1 min 1 s", "1 h 1 min"]);
    }
}
