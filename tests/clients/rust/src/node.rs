//! A node as a process.

use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running node. Dropped, it is killed.
pub(crate) struct Node {
    process: Child,
    pub(crate) rpc_url: String,
    pub(crate) ws_url: String,
}

impl Node {
    /// Starts the binary that the command line names, on ports that are free, and waits until it is ready.
    pub(crate) fn start() -> Result<Self> {
        let default = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../target/release/sealane-validator"
        );
        let binary = std::env::args()
            .nth(1)
            .unwrap_or_else(|| default.to_owned());
        let mut process = Command::new(&binary)
            .args(["--port", "0", "--ready-json"])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {binary}"))?;
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: serde_json::Value =
            serde_json::from_str(&line).with_context(|| format!("the node said {line:?}"))?;
        let text = |name: &str| {
            let text = ready[name].as_str();
            text.map(str::to_owned)
                .with_context(|| format!("no {name} in {line}"))
        };
        Ok(Self {
            rpc_url: text("rpcUrl")?,
            ws_url: text("wsUrl")?,
            process,
        })
    }

    /// Stops it, as a user would.
    pub(crate) fn stop(mut self) -> Result<()> {
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the node ended with {status}");
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
