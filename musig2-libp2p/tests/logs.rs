//! What the logs of a whole session hold, and what they must not.
//!
//! Captures everything that this crate and libp2p log, at any level (the core logs nothing), and
//! searches it for any six consecutive bytes of the signers' secret keys or the nodes' identities,
//! in every form in which a log line could show them. Secret nonces and the randomness behind them
//! cannot be known from outside. For those, a test here checks that the types which hold them
//! cannot be printed, and the compile-fail tests across the crates check that a secret nonce cannot
//! be read, copied or serialised.
#![cfg(feature = "node")]

mod signers;

use musig2_libp2p::NodeConfig;
use musig2_libp2p::libp2p::identity::Keypair;
use musig2_libp2p::libp2p::identity::ed25519;
use musig2_libp2p::musig2_proto::{Crypto, DefaultCrypto, SecretKey};
use signers::{PATIENCE, Signer, TCP, proposal};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Collects everything that is logged from now on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn captured() -> Self {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only test here");
        log
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no writer panics").clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// How many consecutive bytes of a secret count as a leak.
const RUN: usize = 6;

/// Returns how bytes can look in a log: raw, escaped, as hexadecimal in either case, and as Rust's
/// `Debug` prints lists of numbers.
fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = |digits: fn(&u8) -> String| secret.iter().map(digits).collect::<String>();
    let decimal = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let texts = [
        hex(|byte| format!("{byte:02x}")),
        hex(|byte| format!("{byte:02X}")),
        decimal.clone(),
        decimal.replace(' ', ""),
        secret.iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(", "),
    ];
    texts
        .into_iter()
        .map(String::into_bytes)
        .chain([secret.to_vec(), secret.escape_ascii().collect()])
        .collect()
}

/// Returns the first spelling of a run of any of the secrets that the log holds.
fn shown(log: &[u8], secrets: &[[u8; 32]]) -> Option<String> {
    let mut by_length: BTreeMap<usize, HashSet<Vec<u8>>> = BTreeMap::new();
    // Two bytes are enough to skip most places in a log.
    let mut starts = vec![false; 1 << 16];
    let start = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    for spelling in secrets.iter().flat_map(|secret| secret.windows(RUN)).flat_map(spellings) {
        starts[start(&spelling)] = true;
        by_length.entry(spelling.len()).or_default().insert(spelling);
    }
    let found = by_length.iter().find_map(|(length, spellings)| {
        log.windows(*length).find(|window| starts[start(window)] && spellings.contains(*window))
    });
    found.map(|window| String::from_utf8_lossy(window).into_owned())
}

fn find(log: &[u8], wanted: &[u8]) -> bool {
    log.windows(wanted.len()).any(|window| window == wanted)
}

/// Makes a secret. No two secrets share a run, and none has a run that appears in a log anyway.
fn secret(number: u8) -> [u8; 32] {
    std::array::from_fn(|at| {
        (at as u8).wrapping_mul(37).wrapping_add(number.wrapping_mul(89)) ^ 0xa5
    })
}

#[test]
fn every_spelling_of_a_secret_is_found() {
    let secret = secret(1);
    for spelling in spellings(&secret) {
        let line = [b"key=".as_slice(), &spelling, b" and so on"].concat();
        assert!(shown(&line, &[secret]).is_some(), "{}", String::from_utf8_lossy(&spelling));
    }
    assert_eq!(shown(b"nothing", &[secret]), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_of_a_session_at_any_level() {
    let log = Log::captured();
    let identities = [11, 12, 13].map(secret);
    let mut signers: Vec<Signer> = Vec::new();
    for (number, mut identity) in identities.into_iter().enumerate() {
        let identity = ed25519::SecretKey::try_from_bytes(&mut identity).expect("32 bytes");
        let mut config = NodeConfig::default()
            .with_listen([TCP.parse().expect("an address")])
            .with_identity(Keypair::from(ed25519::Keypair::from(identity)));
        if let Some(first) = signers.first_mut() {
            config = config.with_bootstrap_peers([first.address().await]);
        }
        signers.push(Signer::start_with(SecretKey::new(secret(number as u8 + 1)), config));
    }
    let proposal = proposal(&signers);
    let mut proposer = signers.pop().expect("there are three");
    let cosigned = futures::future::join_all(signers.iter_mut().map(Signer::cosign));
    let signed = async { tokio::join!(proposer.propose(proposal), cosigned) };
    let ((session, _), _) =
        tokio::time::timeout(PATIENCE, signed).await.expect("they sign in time");
    signers.push(proposer);
    futures::future::join_all(signers.iter().map(|signer| signer.handle.stop())).await;

    let log = log.bytes();
    assert_eq!(shown(&log, &[1, 2, 3, 11, 12, 13].map(secret)), None);
    // What an operator follows a session by is in the log, and so are lines of the lowest level.
    for wanted in [
        format!(
            "signing{{session={session}}}: musig2_libp2p::behaviour::watch: session discovered"
        ),
        format!(
            "signing{{session={session}}}: musig2_libp2p::behaviour::watch: all signers have joined"
        ),
        format!(
            "signing{{session={session}}}: musig2_libp2p::behaviour::watch: all nonces arrived"
        ),
        format!(
            "signing{{session={session}}}: musig2_libp2p::behaviour::watch: all partial signatures arrived"
        ),
        format!("signing{{session={session}}}: musig2_libp2p::behaviour::watch: signed"),
        "musig2_libp2p::frames::codec: read".into(),
        "TRACE".into(),
    ] {
        assert!(find(&log, wanted.as_bytes()), "{wanted}");
    }
    println!("{} KiB of log", log.len() >> 10);
}

/// `Probe::<T>::PRINTS` is the inherent constant below (`true`) if `T` implements `Debug`, and
/// otherwise this one (`false`).
trait Prints {
    const PRINTS: bool = false;
}

impl<T> Prints for Probe<T> {}

struct Probe<T>(std::marker::PhantomData<T>);

impl<T: Debug> Probe<T> {
    const PRINTS: bool = true;
}

#[test]
fn types_that_hold_secrets_print_nothing_of_them() {
    const { assert!(Probe::<u8>::PRINTS) }
    const { assert!(!Probe::<<DefaultCrypto as Crypto>::SecretNonce>::PRINTS) }
    const { assert!(!Probe::<<DefaultCrypto as Crypto>::Keypair>::PRINTS) }
    const { assert!(!Probe::<musig2_libp2p::musig2_proto::Node>::PRINTS) }
    const { assert!(!Probe::<musig2_libp2p::Behaviour>::PRINTS) }
    assert_eq!(format!("{:?}", SecretKey::new(secret(1))), "SecretKey(<redacted>)");
}
