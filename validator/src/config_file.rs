//! `--config FILE`: the flags of a command line, from a TOML file with their names as keys.
//!
//! What the file says comes before what the command line says, which wins where a flag can be given only once. A value
//! is a string, a number, a truth, or a list: of values for a flag that may be given again, or of lists for one that
//! takes several words. A file that ends in `.yml`, as the `solana` command line's, names the wallet and nothing
//! else, as for `solana-test-validator`.

use anyhow::{Context, bail};
use std::ffi::OsString;
use std::path::Path;
use toml::Value;

/// Puts what the file says into the command line, if one is named there.
pub(crate) fn expand(
    arguments: impl IntoIterator<Item = OsString>,
) -> anyhow::Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let Some(file) = named(&arguments) else {
        return Ok(arguments);
    };
    let path = Path::new(&file);
    if path
        .extension()
        .is_some_and(|it| it == "yml" || it == "yaml")
    {
        return Ok(arguments);
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read --config {}", path.display()))?;
    let flags = flags(&text).with_context(|| format!("--config {}", path.display()))?;
    // Behind the program's name.
    let at = arguments.len().min(1);
    arguments.splice(at..at, flags);
    Ok(arguments)
}

/// The file that a command line names.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--config" || text == "-C" {
            return rest.next().cloned();
        }
        if let Some(file) = text.strip_prefix("--config=") {
            return Some(file.into());
        }
    }
    None
}

fn flags(text: &str) -> anyhow::Result<Vec<OsString>> {
    let table: toml::Table = toml::from_str(text)?;
    let mut flags = Vec::new();
    for (name, value) in &table {
        let flag = format!("--{}", name.replace('_', "-"));
        match value {
            Value::Boolean(false) => {}
            Value::Boolean(true) => flags.push(flag),
            Value::Array(values) => {
                for value in values {
                    flags.push(flag.clone());
                    match value {
                        Value::Array(words) => {
                            for value in words {
                                flags.push(word(name, value)?);
                            }
                        }
                        value => flags.push(word(name, value)?),
                    }
                }
            }
            value => flags.extend([flag, word(name, value)?]),
        }
    }
    Ok(flags.into_iter().map(Into::into).collect())
}

fn word(name: &str, value: &Value) -> anyhow::Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => bail!("{name} is neither a string nor a number"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, rest: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let arguments = [&["node", "--config", path], rest].concat();
        let all = expand(arguments.into_iter().map(OsString::from)).unwrap();
        let all = all.into_iter().map(|it| it.into_string().unwrap());
        all.filter(|it| it != path && it != "--config").collect()
    }

    #[test]
    fn a_file_has_the_flags_of_a_command_line() {
        let text = "rpc-port = 7000\nquiet = true\nreset = false\nledger = \"x\"\nclone = [\"a\", \"b\"]\n\
                    bpf_program = [[\"id\", \"a.so\"]]\n";
        let all = expanded(text, &["--rpc-port", "1"]);
        let expected = "node --bpf-program id a.so --clone a --clone b --ledger x --quiet --rpc-port 7000 \
                        --rpc-port 1";
        assert_eq!(all.join(" "), expected);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.toml");
        std::fs::write(&path, "ledger = { a = 1 }").unwrap();
        let check = |file: &Path, told: &str| {
            let flag = format!("--config={}", file.display());
            let error = expand(["node".into(), flag.into()]).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(told), "{error}");
        };
        check(&path, "ledger is neither a string nor a number");
        check(&folder.path().join("none.toml"), "cannot read --config");
    }
}
