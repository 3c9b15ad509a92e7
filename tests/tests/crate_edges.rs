//! The crates depend on each other as the design says, and not otherwise.

use std::path::Path;

/// Each crate's folder and the crates of ours that it may depend on.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("scheduler", &[]),
    ("sdk", &[]),
    ("signatures", &[]),
    ("accounts-db", &["sealane-sdk"]),
    (
        "runtime",
        &[
            "sealane-accounts-db",
            "sealane-scheduler",
            "sealane-sdk",
            "sealane-signatures",
            "sealane-vm",
        ],
    ),
    ("vm", &["sealane-sdk"]),
    ("programs/counter", &["sealane-sdk"]),
    ("programs/on-board", &["sealane-sdk"]),
    ("programs/precompiles", &["sealane-sdk"]),
    (
        "validator",
        &[
            "sealane-counter",
            "sealane-on-board",
            "sealane-precompiles",
            "sealane-runtime",
            "sealane-sdk",
        ],
    ),
    (
        "benches",
        &[
            "sealane-counter",
            "sealane-on-board",
            "sealane-runtime",
            "sealane-sdk",
            "sealane-signatures",
        ],
    ),
];

/// The crates of ours that a manifest names in any of its dependency tables.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && line.starts_with("sealane-") {
            found.push(
                line.split(['.', ' ', '='])
                    .next()
                    .expect("a line has a first word"),
            );
        }
    }
    found
}

#[test]
fn every_crate_depends_only_on_those_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace");
    let mut edges = 0;
    for (folder, allowed) in ALLOWED {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml"))
            .expect("every crate has a manifest");
        for dependency in dependencies(&manifest) {
            edges += 1;
            assert!(
                allowed.contains(&dependency),
                "{folder} must not depend on {dependency}"
            );
        }
    }
    assert!(edges >= 10, "the manifests were read");
}

#[test]
fn a_forbidden_dependency_is_seen() {
    let manifest =
        "[package]\nname = \"x\"\n[dev-dependencies]\nsealane-runtime.workspace = true\n";
    assert_eq!(dependencies(manifest), ["sealane-runtime"]);
}
