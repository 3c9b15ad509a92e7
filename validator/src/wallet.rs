//! Finds the wallet that the `solana` command line would use, so that it is funded from the start. Only
//! its address is kept.

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use solana_signer::Signer;
use std::path::{Path, PathBuf};

/// The address of the user's wallet, if there is one that can be read. `config`: the command line's configuration, if
/// it is not where it usually is.
pub(crate) fn find(config: Option<&Path>) -> Option<Pubkey> {
    let is_yaml = |path: &&Path| {
        path.extension()
            .is_some_and(|it| it == "yml" || it == "yaml")
    };
    find_in(
        Path::new(&std::env::var_os("HOME")?),
        config.filter(is_yaml),
    )
}

fn find_in(home: &Path, config: Option<&Path>) -> Option<Pubkey> {
    let usual = home.join(".config/solana/cli/config.yml");
    let config = config.unwrap_or(&usual);
    let configured = std::fs::read_to_string(config)
        .ok()
        .and_then(|text| keypair_path(&text, home));
    let path = configured.unwrap_or_else(|| home.join(".config/solana/id.json"));
    address(&std::fs::read_to_string(path).ok()?)
}

/// The `keypair_path` of the configuration: one line of YAML, quoted or not. Hardware wallets and
/// prompts (`usb://ledger`) name no file, so they give none.
fn keypair_path(config: &str, home: &Path) -> Option<PathBuf> {
    let line = config
        .lines()
        .find_map(|line| line.strip_prefix("keypair_path:"))?;
    let path = line.trim().trim_matches(['"', '\'']);
    match path.strip_prefix("~/") {
        Some(rest) => Some(home.join(rest)),
        None => (!path.is_empty() && !path.contains("://")).then(|| PathBuf::from(path)),
    }
}

/// The address of a keypair file: a JSON array of 64 bytes.
pub(crate) fn address(file: &str) -> Option<Pubkey> {
    let bytes: Vec<u8> = serde_json::from_str(file).ok()?;
    Some(Keypair::try_from(bytes.as_slice()).ok()?.pubkey())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_keypair(path: &Path) -> Pubkey {
        let keypair = Keypair::new();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{:?}", keypair.to_bytes())).unwrap();
        keypair.pubkey()
    }

    #[test]
    fn the_configured_wallet_comes_before_the_default_one() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(find_in(home.path(), None), None);

        let default = write_keypair(&home.path().join(".config/solana/id.json"));
        assert_eq!(find_in(home.path(), None), Some(default));

        let configured = write_keypair(&home.path().join("keys/other.json"));
        let config = home.path().join(".config/solana/cli/config.yml");
        std::fs::create_dir_all(config.parent().unwrap()).unwrap();
        let path = home.path().join("keys/other.json");
        std::fs::write(&config, format!("---\nkeypair_path: {}\n", path.display())).unwrap();
        assert_eq!(find_in(home.path(), None), Some(configured));

        std::fs::write(&config, "keypair_path: \"~/keys/other.json\"\n").unwrap();
        assert_eq!(find_in(home.path(), None), Some(configured));
    }

    #[test]
    fn a_wallet_that_is_no_file_is_not_looked_for() {
        assert_eq!(
            keypair_path("keypair_path: usb://ledger", Path::new("/")),
            None
        );
        assert_eq!(keypair_path("json_rpc_url: x", Path::new("/")), None);
        assert_eq!(address("[1,2,3]"), None);
        assert_eq!(address(&format!("{:?}", [7; 64])), None);
    }
}
