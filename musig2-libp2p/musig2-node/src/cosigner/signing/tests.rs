use super::*;
use crate::approval::questions::Questions;
use crate::config::ResultsSettings;
use crate::keys::keyfile;
use crate::model::labels::Labels;
use crate::model::record::Status;
use musig2_libp2p::NodeConfig;
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::{
    AbortReason, Audience, Item, Message, Note, Proposal, PublicKey, SignerIndex,
};
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

fn say(text: &str) {
    SAID.with_borrow_mut(|said| said.push_str(text));
}

fn start(config: NodeConfig) -> (RunningNode, PublicKey) {
    let (secret, public_key) = keyfile::generate().unwrap();
    (RunningNode::start(config, secret, Labels::default()).unwrap(), public_key)
}

/// A node that nobody can reach, and a session that it proposes.
async fn alone() -> (RunningNode, SessionId) {
    let (network, own) = start(NodeConfig::default().with_listen([]));
    let (_, other) = keyfile::generate().unwrap();
    let session = network.handle.create_session(proposal([own, other])).await.unwrap();
    (network, session)
}

fn proposal(signers: [PublicKey; 2]) -> Proposal {
    Proposal::new(signers).with_item(Item::new(Message::new([7; 32])))
}

#[tokio::test]
async fn a_question_is_withdrawn_when_its_session_ends() {
    let (network, session) = alone().await;
    let view = network.handle.session(session).await.unwrap().unwrap();
    let console = Console::new(true);
    let mut cosigner = Cosigner::new(network, Approver::All, &console);
    let cause = AbortCause::Expired { awaiting: Vec::new() };
    let by_signer = AbortCause::BySigner {
        signer: SignerIndex::new(1 - view.me.get()),
        reason: AbortReason::Requested(Note::new("no time left")),
    };
    let other = crate::text::names::short(&view.manifest.signers()[usize::from(1 - view.me.get())]);
    let by_signer_told =
        format!("a signer aborted, saying \"no time left\"; ended by signer {other}");
    let ends = [
        (Event::SessionAborted { session, cause, released: false }, "the session expired"),
        (Event::SessionComplete { session, signatures: Vec::new() }, "it is signed"),
        (
            Event::SessionAborted { session, cause: by_signer.clone(), released: false },
            &by_signer_told,
        ),
        (Event::SessionWithdrawn { session, cause: by_signer }, &by_signer_told),
    ];
    for ((end, reason), is_forgotten) in ends.iter().flat_map(|end| [(end, false), (end, true)]) {
        if is_forgotten && !end.is_terminal() {
            continue;
        }
        cosigner.approver = Approver::Person(Questions::asking(session, say));
        cosigner.asked.insert(session, Box::new(view.clone()));
        match is_forgotten {
            true => cosigner.take_of_forgotten(end),
            false => cosigner.take(end, &view).await.unwrap(),
        }
        let short = crate::text::names::short(&session);
        let told = SAID.take();
        let expected = format!("Session {short} has ended: no answer is needed. Reason: {reason}");
        assert!(told.starts_with(&expected), "{told}");
        assert!(cosigner.asked.is_empty(), "{end:?}");
    }
}

#[tokio::test]
async fn a_session_approved_after_its_end_is_not_left_open_in_the_results() {
    let (network, session) = alone().await;
    let handle = network.handle.clone();
    let view = handle.session(session).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let settings = ResultsSettings { folder: folder.path().into(), ..ResultsSettings::default() };
    let trail = Trail::open(&settings, Labels::default()).unwrap();
    let console = Console::new(true);
    let mut cosigner = Cosigner::new(network, Approver::All, &console);
    cosigner.trail = Some(trail.clone());
    handle.execute(Command::AbortSession { session, reason: Note::new("no") }).await.unwrap();
    cosigner.join(session, Some(&view), Approval::Person).await.unwrap();
    assert!(trail.settled().await);
    let record = trail.find(session.to_bytes()).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Aborted);
}

#[tokio::test]
async fn a_session_whose_discovery_was_missed_is_decided_on_only_once() {
    let listen: Multiaddr = "/ip4/127.0.0.1/tcp/0".parse().unwrap();
    let (mut network, own) = start(NodeConfig::default().with_listen([listen]));
    let test = async {
        let address = loop {
            if let NodeEvent::Listening { address } = network.next().await.unwrap() {
                break address;
            }
        };
        let config = NodeConfig::default().with_listen([]).with_bootstrap_peers([address]);
        let (other, proposer) = start(config);
        let session = other.handle.create_session(proposal([own, proposer])).await.unwrap();
        let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
        other.handle.execute(announce).await.unwrap();
        let missed = loop {
            if let NodeEvent::Session { event: event @ Event::SessionDiscovered { .. }, .. } =
                network.next().await.unwrap()
            {
                break event;
            }
        };
        let console = Console::new(true);
        let handle = network.handle.clone();
        let mut cosigner = Cosigner::new(network, Approver::All, &console);
        cosigner.catch_up().await.unwrap();
        let view = handle.session(session).await.unwrap().unwrap();
        assert!(view.joined.contains(&view.me), "{view:?}");
        // This approver asks nobody again.
        cosigner.approver = Approver::Person(Questions::asking(SessionId::new([1; 32]), say));
        cosigner.take(&missed, &view).await.unwrap();
        assert!(cosigner.asked.is_empty());
    };
    tokio::time::timeout(Duration::from_secs(60), test).await.expect("it is discovered");
}
