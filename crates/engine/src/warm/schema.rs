//! Reduces the answer to `GetProviderSchema` to the types in use.
//!
//! A large provider describes 1,500 types, of which a stack uses three, and the engine would decode
//! them all. The answer is a protocol buffer whose maps have the type as their key: entries are
//! left out by reading keys only, everything else stays byte for byte. Which types are in use is an
//! argument. The field numbers come from `GetProviderSchema.Response` in the engines'
//! `tfplugin5.proto` and `tfplugin6.proto`.

use std::{collections::BTreeSet, ops::Range};

/// The fields of the answer that are maps by type: resources, data sources, functions, ephemeral
/// resources, list resources, state stores, actions.
const MAPS: [u64; 7] = [2, 3, 7, 8, 9, 10, 11];

/// The field of the key in a map entry.
const KEY: u64 = 1;

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// Reads the message piece by piece and keeps only what is needed: a whole message would take most
/// of the bot's memory.
pub(super) struct Cut<'a> {
    wanted: &'a BTreeSet<String>,
    kept: Vec<u8>,
    /// The bytes of a field that is not complete yet.
    rest: Vec<u8>,
}

impl<'a> Cut<'a> {
    /// Keeps only the map entries whose key is in `wanted`.
    pub(super) fn to(wanted: &'a BTreeSet<String>) -> Self {
        Self { wanted, kept: Vec::new(), rest: Vec::new() }
    }

    /// Reads the next bytes; returns `None` if they are not a valid message.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<()> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(field) = field(&self.rest, at) {
            let is_wanted = !MAPS.contains(&field.number)
                || field.wire != BYTES
                || self.wanted.contains(key(&self.rest[field.value.clone()])?);
            if is_wanted {
                self.kept.extend_from_slice(&self.rest[at..field.value.end]);
            }
            at = field.value.end;
        }
        self.rest.drain(..at);
        Some(())
    }

    /// Returns the reduced message; `None` if the input ended inside a field.
    pub(super) fn end(self) -> Option<Vec<u8>> {
        self.rest.is_empty().then_some(self.kept)
    }
}

/// Returns the key of a map entry. As protocol buffers define it, the last one counts, and a
/// missing one is empty.
fn key(entry: &[u8]) -> Option<&str> {
    let (mut at, mut key) = (0, "");
    while at < entry.len() {
        let field = field(entry, at)?;
        if field.number == KEY && field.wire == BYTES {
            key = std::str::from_utf8(&entry[field.value.clone()]).ok()?;
        }
        at = field.value.end;
    }
    Some(key)
}

struct Field {
    number: u64,
    wire: u64,
    value: Range<usize>,
}

/// Returns the field that begins at `at`; `None` if it is incomplete or invalid.
fn field(message: &[u8], at: usize) -> Option<Field> {
    let (tag, at) = varint(message, at)?;
    let (number, wire) = (tag >> 3, tag & 7);
    let (start, length) = match wire {
        VARINT => (at, varint(message, at)?.1 - at),
        FIXED64 => (at, 8),
        FIXED32 => (at, 4),
        BYTES => {
            let (length, at) = varint(message, at)?;
            (at, usize::try_from(length).ok()?)
        }
        // No version of this protocol uses groups.
        _ => return None,
    };
    let end = start.checked_add(length).filter(|end| *end <= message.len())?;
    (number != 0).then_some(Field { number, wire, value: start..end })
}

/// Returns a number of up to 64 bits, and the position after it.
fn varint(message: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for (i, byte) in message.get(at..)?.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if i == 9 && bits > 1 {
            return None;
        }
        number |= bits << (7 * i);
        if byte & 0x80 == 0 {
            return Some((number, at + i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::{
        prelude::*,
        test_runner::{Config, TestRunner},
    };

    use super::*;

    fn push(out: &mut Vec<u8>, mut number: u64) {
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
    }

    fn bytes(number: u64, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push(&mut out, number << 3 | BYTES);
        push(&mut out, value.len() as u64);
        out.extend_from_slice(value);
        out
    }

    fn entry(map: u64, name: &str, schema: &[u8]) -> Vec<u8> {
        bytes(map, &[bytes(1, name.as_bytes()), bytes(2, schema)].concat())
    }

    fn cut_in(pieces: usize, message: &[u8], wanted: &BTreeSet<String>) -> Option<Vec<u8>> {
        let mut cut = Cut::to(wanted);
        for piece in message.chunks(message.len().div_ceil(pieces).max(1)) {
            cut.read(piece)?;
        }
        cut.end()
    }

    fn cut(message: &[u8], wanted: &BTreeSet<String>) -> Option<Vec<u8>> {
        cut_in(1, message, wanted)
    }

    fn names(wanted: &[&str]) -> BTreeSet<String> {
        wanted.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_the_entries_of_maps_that_are_not_in_use_go() {
        let provider = bytes(1, b"provider");
        let bucket = entry(2, "aws_s3_bucket", b"bucket");
        let queue = entry(2, "aws_sqs_queue", b"queue");
        let caller = entry(3, "aws_caller_identity", b"caller");
        let arn = entry(7, "arn_parse", b"arn");
        let capabilities = [6 << 3 | 2, 2, 8, 1];
        let all: Vec<u8> =
            [&provider, &bucket, &queue, &caller, &arn, capabilities.as_slice()].concat();
        let cut = cut(&all, &names(&["aws_s3_bucket", "arn_parse"])).unwrap();
        assert_eq!(cut, [&provider, &bucket, &arn, capabilities.as_slice()].concat());
    }

    #[test]
    fn what_ends_within_a_field_is_not_cut() {
        let all = entry(2, "aws_s3_bucket", b"bucket");
        let wanted = names(&["aws_s3_bucket"]);
        for end in 1..all.len() {
            assert_eq!(cut(&all[..end], &wanted), None, "{end}");
        }
        assert_eq!(cut(&all, &wanted).unwrap(), all);
        assert_eq!(
            cut(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], &wanted),
            None
        );
    }

    fn message() -> impl Strategy<Value = Vec<(u64, String, Vec<u8>)>> {
        let part = (1_u64..14, "[a-c]{0,2}", prop::collection::vec(any::<u8>(), 0..40));
        prop::collection::vec(part, 0..12)
    }

    /// Returns an encoded message with damage at some places.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        (message(), damage).prop_map(|(parts, damage)| {
            let mut message: Vec<u8> =
                parts.iter().flat_map(|(map, name, schema)| entry(*map, name, schema)).collect();
            for (at, byte) in damage {
                if !message.is_empty() {
                    let at = at.index(message.len());
                    message[at] = byte;
                }
            }
            message
        })
    }

    /// Checks what must hold for every input, even one that no provider would send.
    fn holds(message: &[u8], wanted: &BTreeSet<String>) {
        let once = cut(message, wanted);
        for pieces in [2, 7, message.len()] {
            assert_eq!(cut_in(pieces.max(1), message, wanted), once, "in {pieces} pieces");
        }
        let Some(once) = once else { return };
        assert!(once.len() <= message.len());
        assert_eq!(cut(&once, wanted).as_ref(), Some(&once), "a second cut takes nothing");
        let mut rest = message.iter();
        assert!(once.iter().all(|byte| rest.any(|other| other == byte)), "nothing is made up");
    }

    proptest! {
        #[test]
        fn the_entries_that_are_kept_are_those_that_are_wanted(
            parts in message(), wanted in prop::collection::btree_set("[a-c]{0,2}", 0..4),
        ) {
            let write = |parts: &[&(u64, String, Vec<u8>)]| -> Vec<u8> {
                parts.iter().flat_map(|(map, name, schema)| entry(*map, name, schema)).collect()
            };
            let kept: Vec<_> = parts.iter()
                .filter(|(map, name, _)| !MAPS.contains(map) || wanted.contains(name))
                .collect();
            prop_assert_eq!(cut(&write(&parts.iter().collect::<Vec<_>>()), &wanted), Some(write(&kept)));
        }
    }

    /// Runs for `PLANWRIGHT_FUZZ_SECONDS` seconds, by default one.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "how long is up to whoever runs it")]
    fn no_bytes_make_it_fail() {
        let seconds = std::env::var("PLANWRIGHT_FUZZ_SECONDS");
        let seconds = seconds.map_or(1, |seconds| seconds.parse().unwrap());
        let end = Instant::now() + Duration::from_secs(seconds);
        let wanted = names(&["a", "bc", ""]);
        let mut runs = 0_u64;
        while Instant::now() < end {
            let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
            let anything = prop::collection::vec(any::<u8>(), 0..200);
            let check = |message: Vec<u8>| {
                holds(&message, &wanted);
                Ok(())
            };
            TestRunner::new(config.clone()).run(&anything, check).unwrap();
            TestRunner::new(config).run(&damaged(), check).unwrap();
            runs += 1000;
        }
        println!("{runs} inputs in {seconds} s");
    }
}
