//! Processes that know one bootstrap address find one another, and sign or say why they do not.

use crate::child::{Finished, Running, keygen, run};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// The keys of three signers.
struct Signers {
    folder: TempDir,
    public: [String; 3],
}

impl Signers {
    fn new() -> Self {
        let folder = tempdir().expect("a folder");
        let public = [0, 1, 2].map(|signer| keygen(&folder.path().join(format!("{signer}.key"))));
        Self { folder, public }
    }

    fn key(&self, signer: usize) -> String {
        self.path(&format!("{signer}.key"))
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).to_str().expect("text").into()
    }

    fn cosign(
        &self,
        signer: usize,
        listen: &str,
        bootstrap: Option<&str>,
        approve: &str,
    ) -> Running {
        let key = self.key(signer);
        let mut arguments = vec!["cosign", "--key", &key, "--listen", listen, "--approve", approve];
        arguments.extend(bootstrap.iter().flat_map(|address| ["--bootstrap", address]));
        Running::start(arguments)
    }

    /// Has signer 0 propose to the others.
    fn propose(&self, listen: &str, bootstrap: &str, more: &[&str]) -> Running {
        let key = self.key(0);
        let [_, one, two] = &self.public;
        let arguments = [
            "propose",
            "--key",
            &key,
            "--signer",
            one,
            "--signer",
            two,
            "--listen",
            listen,
            "--bootstrap",
            bootstrap,
        ];
        Running::start(arguments.iter().chain(more))
    }
}

fn message(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

fn verify(file: &Path, text: &str) -> Finished {
    fs::write(file, text).expect("written");
    run(["verify", "--json", file.to_str().expect("text")])
}

fn three_processes_sign(listen: &str) {
    let signers = Signers::new();
    let mut first = signers.cosign(1, listen, None, "all");
    let address = first.address();
    let mut second = signers.cosign(2, listen, Some(&address), "all");
    second.address();
    let (one, two) = (message(1), message(2));
    let proposer = signers.propose(
        listen,
        &address,
        &["--message", &one, "--message", &two, "--bip86", "--linger", "1"],
    );
    let proposed = proposer.finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");

    let result = proposed.last();
    assert_eq!(result["type"], "result");
    assert_eq!(result["items"][0]["message"], one);
    assert_eq!(result["items"][1]["message"], two);
    assert_eq!(result["items"][0]["tweaks"][0]["kind"], "xonly");
    let mut sorted = signers.public.to_vec();
    sorted.sort();
    assert_eq!(result["signers"], Value::from(sorted));
    let verified = verify(&signers.folder.path().join("result"), &proposed.stdout);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert_eq!(verified.last(), result);

    for mut cosigner in [first, second] {
        assert_eq!(cosigner.wait_for("result"), result);
        #[cfg(unix)]
        assert_eq!(cosigner.terminate().code, Some(0));
    }
}

#[test]
fn three_processes_that_know_one_address_sign_over_tcp() {
    three_processes_sign(TCP);
}

#[test]
fn three_processes_that_know_one_address_sign_over_quic() {
    three_processes_sign(QUIC);
}

#[test]
fn a_message_outside_a_policy_is_not_signed_and_the_refuser_is_named() {
    let signers = Signers::new();
    let policy = signers.path("policy.toml");
    let allowed =
        format!("signer_sets = \"any\"\nmessages = [\"{}\"] # and no other\n", message(1));
    fs::write(&policy, allowed).expect("written");
    let mut first = signers.cosign(1, TCP, None, &policy);
    let address = first.address();
    let mut second = signers.cosign(2, TCP, Some(&address), "all");
    second.address();
    let proposed =
        signers.propose(TCP, &address, &["--message", &message(2), "--timeout", "6"]).finish();
    assert_eq!(proposed.code, Some(1), "{proposed:?}");

    let declined = first.wait_for("session_declined");
    assert!(declined["reason"].as_str().expect("text").contains(&message(2)), "{declined}");
    let failure = proposed.last();
    assert_eq!(failure["type"], "failure");
    assert_eq!(failure["cause"], "timed_out");
    let awaited: Vec<_> = failure["awaiting"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|who| &who["public_key"])
        .collect();
    assert!(awaited.contains(&&Value::from(signers.public[1].as_str())), "{failure}");
    assert!(proposed.stderr.contains(&signers.public[1]), "{}", proposed.stderr);
}

#[test]
fn a_message_that_the_policies_allow_is_signed() {
    let signers = Signers::new();
    let policy = signers.path("policy.toml");
    let set = serde_json::to_string(&signers.public).expect("a list");
    fs::write(&policy, format!("signer_sets = [{set}]\nmessages = [\"{}\"]\n", message(1)))
        .expect("written");
    let mut first = signers.cosign(1, TCP, None, &policy);
    let address = first.address();
    let mut second = signers.cosign(2, TCP, Some(&address), &policy);
    second.address();
    let root = message(9);
    let proposed = signers
        .propose(
            TCP,
            &address,
            &["--message", &message(1), "--taproot-root", &root, "--linger", "0"],
        )
        .finish();
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
}

/// Each `propose` starts a new node at other addresses, with a key that the co-signers met at an
/// earlier address.
#[test]
fn a_proposer_that_returns_at_another_address_is_answered_there() {
    let signers = Signers::new();
    let mut first = signers.cosign(1, TCP, None, "all");
    let address = first.address();
    let mut second = signers.cosign(2, TCP, Some(&address), "all");
    second.address();
    for round in 1..=3 {
        let proposed = signers
            .propose(
                TCP,
                &address,
                &["--message", &message(round), "--timeout", "4", "--linger", "0"],
            )
            .finish();
        assert_eq!(proposed.code, Some(0), "round {round}: {proposed:?}");
        let result = proposed.last();
        assert_eq!(first.wait_for("result"), result);
        assert_eq!(second.wait_for("result"), result);
    }
}

#[test]
fn a_proposer_that_reaches_nobody_says_so() {
    let signers = Signers::new();
    // Nothing listens on port 1 of the loopback interface.
    let proposed = signers
        .propose(TCP, "/ip4/127.0.0.1/tcp/1", &["--message", &message(1), "--timeout", "1"])
        .finish();
    assert_eq!(proposed.code, Some(1), "{proposed:?}");
    assert!(
        proposed.stderr.contains("this node never connected to any other"),
        "{}",
        proposed.stderr
    );
    assert_eq!(proposed.last()["awaiting"].as_array().expect("a list").len(), 2);
}

#[test]
fn a_private_session_without_contacts_reaches_signers_that_ask_for_it() {
    let signers = Signers::new();
    let mut cosigner = signers.cosign(1, TCP, None, "all");
    let address = cosigner.address();
    let (key, message) = (signers.key(0), message(1));
    let private = |more: &[&str]| {
        let arguments =
            ["propose", "--key", &key, "--signer", &signers.public[1], "--message", &message];
        Running::start(
            arguments.iter().chain(&["--listen", TCP, "--linger", "0", "--private"]).chain(more),
        )
        .finish()
    };
    // The cosigner was started a moment ago, so it asks for its sessions when it meets its first
    // peer.
    let asked = private(&["--bootstrap", &address]);
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(asked.stderr.contains("give --contact PUBKEY=ADDR"), "{}", asked.stderr);
    let told = private(&["--contact", &format!("{}={address}", signers.public[1])]);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""), "{told:?}");
    let alone = private(&[
        "--contact",
        &format!(
            "{}=/ip4/127.0.0.1/tcp/1/p2p/{}",
            signers.public[1],
            address.rsplit('/').next().expect("a peer id")
        ),
        "--timeout",
        "1",
    ]);
    assert!(alone.stderr.contains("with --contact, give the address"), "{}", alone.stderr);
}

/// Returns the result with one value changed.
fn tampered(result: &Value, pointer: &str, value: impl Into<Value>) -> String {
    let mut result = result.clone();
    *result.pointer_mut(pointer).expect("there is such a field") = value.into();
    result.to_string()
}

#[test]
fn the_demos_result_verifies_and_no_field_of_it_can_be_changed() {
    let shown = Running::start(["demo", "--signers", "3", "--items", "4"]).finish();
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("result");
    let good = verify(&file, &shown.stdout);
    assert_eq!(good.code, Some(0), "{good:?}");

    let result = shown.last();
    let swapped =
        [&result["signers"][1], &result["signers"][0], &result["signers"][2]].map(Value::clone);
    let other_signature = result["items"][0]["signature"].clone();
    let cases = [
        tampered(&result, "/signers", swapped.to_vec()),
        tampered(
            &result,
            "/signers",
            vec![result["signers"][0].clone(), result["signers"][1].clone()],
        ),
        tampered(&result, "/signers", Vec::<Value>::new()),
        tampered(&result, "/signers/0", result["signers"][1].clone()),
        tampered(&result, "/items", Vec::<Value>::new()),
        tampered(&result, "/items/1/message", message(1)),
        tampered(&result, "/items/1/tweaks", Vec::<Value>::new()),
        tampered(&result, "/items/1/tweaks/0/tweak", message(1)),
        tampered(&result, "/items/1/tweaks/0/tweak", message(0xff)),
        tampered(&result, "/items/1/aggregate_key", message(1)),
        tampered(&result, "/items/1/signature", other_signature),
        tampered(&result, "/items/3/tweaks", vec![result["items"][3]["tweaks"][0].clone()]),
    ];
    for case in cases {
        let checked = verify(&file, &case);
        assert_eq!(checked.code, Some(1), "{case}: {checked:?}");
        assert_eq!(checked.last()["type"], "failure");
    }
    let malformed = verify(&file, &tampered(&result, "/items/1/signature", "00"));
    assert_eq!(malformed.code, Some(2));
    assert!(malformed.stderr.contains("`items[1].signature`"), "{}", malformed.stderr);
}

#[test]
fn the_demo_works_over_quic() {
    let shown = Running::start(["demo", "--transport", "quic"]).finish();
    assert_eq!(shown.code, Some(0), "{shown:?}");
}
