//! That a chain is for development is said when it begins, and each time that it goes on.

use crate::support::{error, start};
use sealane_validator::{Error, Validator};
use serde_json::json;

#[test]
fn a_ledger_goes_on_as_what_it_began_as() {
    for dev in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let builder = || Validator::builder().no_rpc().ledger(folder.path());
        assert!(builder().dev(dev).start().unwrap().stop());
        let refused = builder().dev(!dev).start().err().expect("it is refused");
        match dev {
            false => assert!(matches!(refused, Error::NotDev), "{refused}"),
            true => assert!(matches!(refused, Error::IsDev), "{refused}"),
        }
        assert!(builder().dev(dev).start().unwrap().stop());
        // What the error says helps.
        let anew = builder().dev(!dev).reset_ledger();
        assert!(anew.start().unwrap().stop());
        assert!(builder().dev(!dev).start().unwrap().stop());
    }
}

#[test]
fn a_chain_that_may_go_back_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let builder = Validator::builder().no_rpc().dev(true);
    let error = builder
        .ledger(folder.path())
        .accounts_memory(1 << 30)
        .start();
    let error = error.err().expect("it is refused").to_string();
    assert!(error.contains("leave --accounts-memory away"), "{error}");
}

#[test]
fn without_dev_its_methods_are_not_there() {
    // One that begins later travels there, and is nobody's to command all the same.
    let later = Validator::builder().warp_slot(1_000).start().unwrap();
    for node in [start(), later] {
        for method in ["surfnet_setAccount", "surfnet_timeTravel", "sealane_revert"] {
            let expected = (-32601, "Method not found".to_owned());
            assert_eq!(error(&node, method, json!([])), expected, "{method}");
        }
        assert!(node.pause_clock().is_err());
    }
}
