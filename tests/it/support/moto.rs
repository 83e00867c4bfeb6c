//! moto, a simulator of AWS, on loopback.
//!
//! The server ends when its value is dropped. It also ends with this process, however that ends,
//! because it watches its standard input.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use super::engine::component;

const SERVER: &str = "
import os, sys, threading
def end():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end, daemon=True).start()
from moto.server import main
main(['-H', '127.0.0.1', '-p', '0'])
";

pub struct Moto {
    server: Child,
    url: String,
}

impl Moto {
    /// Starts a server in which nothing exists yet.
    pub fn start() -> Self {
        let mut server = Command::new(component("venv/bin/python"))
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let url = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let url = line.split_once("Running on ").map(|(_, url)| url.trim().to_owned());
            said.push(line);
            url
        });
        let url = url.unwrap_or_else(|| panic!("moto did not start: {}", said.join("\n")));
        // The server would stop at a full pipe if nobody read what it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Self { server, url }
    }

    /// Returns the variables that lead the AWS calls of a child process to this server. They also
    /// let it collect garbage less often: the schema of the AWS provider is large and stays, and
    /// without this a quarter of a cold plan is spent on walking through it.
    pub fn env(&self) -> BTreeMap<String, OsString> {
        [
            ("AWS_ENDPOINT_URL", self.url.as_str()),
            ("AWS_ACCESS_KEY_ID", "testing"),
            ("AWS_SECRET_ACCESS_KEY", "testing"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "regional"),
            ("GOGC", "400"),
        ]
        .map(|(name, value)| (name.to_owned(), value.into()))
        .into()
    }

    /// Runs Python with a boto3 client `s3`, to do something behind the engine's back. Returns what
    /// it prints.
    pub fn s3(&self, code: &str) -> String {
        let program = format!("import boto3, json\ns3 = boto3.client('s3')\n{code}");
        let output = Command::new(component("venv/bin/python"))
            .args(["-c", &program])
            .envs(self.env())
            .env("AWS_DEFAULT_REGION", "eu-central-1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
