//! Scripts that a test writes and starts.

use std::{path::Path, process::Command};

/// Writes a script that can be started at once.
///
/// A separate process writes it. If this process did, a child that another thread starts at that
/// moment would hold the file open for writing too, and the system refuses to run such a file
/// (`ETXTBSY`).
pub fn write_script(path: &Path, text: &str) {
    let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
    let written = Command::new("/bin/sh").arg("-c").arg(write).arg(path).arg(text).status();
    assert!(written.unwrap().success(), "{}", path.display());
}
