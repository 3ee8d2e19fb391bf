//! What a node keeps on disk, and what it does with it when it is started again.

use crate::signers::{Signer, TCP, network, public_key};
use musig2_libp2p::libp2p::Multiaddr;
use musig2_libp2p::musig2_proto::wire::announcement::Announcement;
use musig2_libp2p::musig2_proto::wire::decode_message;
use musig2_libp2p::musig2_proto::{
    self, AbortCause, AbortReason, Audience, Command, Event, Message, Note, Proposal, SecretKey,
    SessionId, SignerIndex,
};
use musig2_libp2p::{
    Goodbye, HandleError, Node, NodeConfig, NodeEvent, PeerContact, StartError, StoreError,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

fn config(bootstrap: Option<&Multiaddr>, folder: &Path) -> NodeConfig {
    NodeConfig::default()
        .with_listen([TCP.parse().expect("an address")])
        .with_bootstrap_peers(bootstrap.cloned())
        .with_identity_file(folder.join("identity"))
        .with_store(folder.join("approvals"))
}

/// Returns the names of the files in which sessions are stored.
fn stored(folder: &TempDir) -> Vec<String> {
    let files = fs::read_dir(folder.path().join("approvals")).expect("the store is there");
    let names = files
        .map(|file| file.expect("it can be read").file_name().into_string().expect("plain names"));
    let mut names: Vec<_> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}

fn file_of(session: SessionId) -> String {
    format!("{session}.approval")
}

async fn propose(signer: &Signer, proposal: Proposal) -> SessionId {
    let session = signer.handle.create_session(proposal).await.expect("the proposal is sound");
    let announce = Command::AnnounceSession { session, audience: Audience::Everyone };
    signer.handle.execute(announce).await.expect("the session can be announced");
    session
}

fn among(signers: impl IntoIterator<Item = u8>) -> Proposal {
    Proposal::new(signers.into_iter().map(public_key)).with_message(Message::new([1; 32]))
}

async fn join(signer: &mut Signer, wanted: SessionId) {
    let discovered = |event: &NodeEvent| {
        matches!(event, NodeEvent::Session { event: Event::SessionDiscovered { session }, .. } if *session == wanted)
            .then_some(())
    };
    signer.until(discovered).await;
    signer
        .handle
        .execute(Command::JoinSession { session: wanted })
        .await
        .expect("it can be joined");
}

async fn resumed(signer: &mut Signer) -> SessionId {
    let resumed = |event: &NodeEvent| match event {
        NodeEvent::Resumed { session } => Some(*session),
        NodeEvent::NotResumed { error, .. } => panic!("{error}"),
        _ => None,
    };
    signer.until(resumed).await
}

/// A cosigner and the proposer stop before the third signer is there. They come back and need no
/// second approval.
#[tokio::test(flavor = "multi_thread")]
async fn restarted_nodes_resume_what_they_had_approved() {
    let mut meeting =
        Signer::start_without_key(NodeConfig::default().with_listen([TCP.parse().unwrap()]));
    let bootstrap = meeting.address().await;
    let folders = [1, 2].map(|_| tempfile::tempdir().unwrap());
    let start = |number: u8| {
        Signer::start(number, config(Some(&bootstrap), folders[usize::from(number) - 1].path()))
    };
    let (mut cosigner, proposer) = (start(1), start(2));
    let session = propose(&proposer, among([1, 2, 3])).await;
    join(&mut cosigner, session).await;
    assert_eq!(folders.each_ref().map(stored), [[file_of(session)], [file_of(session)]]);

    let peers = [cosigner.handle.peer_id(), proposer.handle.peer_id()];
    tokio::join!(cosigner.handle.stop(), proposer.handle.stop());
    assert_eq!(stored(&folders[0]), [file_of(session)], "a node that leaves comes back");
    let (mut cosigner, mut proposer) = (start(1), start(2));
    assert_eq!([cosigner.handle.peer_id(), proposer.handle.peer_id()], peers);
    assert_eq!(resumed(&mut cosigner).await, session);
    assert_eq!(resumed(&mut proposer).await, session);

    let mut third = Signer::start(3, NodeConfig::default().with_bootstrap_peers([bootstrap]));
    join(&mut third, session).await;
    let signatures = third.signatures(session).await;
    assert_eq!(cosigner.signatures(session).await, signatures);
    assert_eq!(proposer.signatures(session).await, signatures);
    tokio::join!(cosigner.handle.stop(), proposer.handle.stop());
    assert_eq!(
        folders.each_ref().map(stored),
        [[format!("{session}.signed")], [format!("{session}.signed")]]
    );
}

/// All nodes lose their memory, and one of them has a disk.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_outlive_the_memory_of_all_nodes_if_one_has_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = Signer::start(1, config(None, folder.path()));
    let bootstrap = signer.address().await;
    let other = || {
        let config = NodeConfig::default().with_listen([TCP.parse().unwrap()]);
        Signer::start(2, config.with_bootstrap_peers([bootstrap.clone()]))
    };
    let mut forgetful = other();
    let session = propose(&signer, among([1, 2])).await;
    join(&mut forgetful, session).await;
    let signatures = forgetful.signatures(session).await;
    assert_eq!(signer.signatures(session).await, signatures);
    tokio::join!(signer.handle.stop(), forgetful.handle.stop());
    assert_eq!(stored(&folder), [format!("{session}.signed")]);

    let port = bootstrap.iter().take(2).collect();
    let mut signer = Signer::start(1, config(None, folder.path()).with_listen([port]));
    assert_eq!(signer.signatures(session).await, signatures, "its application is told again");
    let joined = signer.handle.execute(Command::JoinSession { session }).await;
    assert_eq!(joined, Err(HandleError::Command(musig2_proto::CommandError::Ended(session))));
    let mut forgetful = other();
    assert_eq!(forgetful.signatures(session).await, signatures);

    // A damaged file is named and left alone, as a damaged approval is.
    signer.handle.stop().await;
    let file = folder.path().join("approvals").join(format!("{session}.signed"));
    let good = fs::read(&file).unwrap();
    for bytes in [&[][..], &good[..40], &good[..good.len() - 1]] {
        fs::write(&file, bytes).unwrap();
        let error = refused(&folder);
        assert!(matches!(&error, StoreError::Damaged { path, .. } if *path == file), "{error}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_session_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Signer::start(1, config(None, folder.path()));
    let session = propose(&node, among([1, 2])).await;
    assert_eq!(stored(&folder), [file_of(session)]);
    let abort = Command::AbortSession { session, reason: Note::new("changed my mind") };
    node.handle.execute(abort).await.unwrap();
    assert_eq!(stored(&folder), [""; 0]);
}

/// An application that learns that a session has timed out may pay in another way. So either no
/// restart can take the session up again, or the answer to the order says that one may.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ends_a_session_deletes_its_approval_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("approvals");
    let node = Signer::start(1, config(None, folder.path()));
    let orders: [fn(SessionId) -> Command; 2] = [
        |session| Command::GiveUp { session },
        |session| Command::AbortSession { session, reason: Note::new("changed my mind") },
    ];
    for order in orders {
        let session = propose(&node, among([1, 2])).await;
        node.handle.execute(order(session)).await.unwrap();
        assert_eq!(stored(&folder), [""; 0]);

        let session = propose(&node, among([1, 2])).await;
        let (aside, in_the_way) = (folder.path().join("aside"), b"in the way");
        fs::rename(&store, &aside).unwrap();
        fs::write(&store, in_the_way).unwrap();
        let answer = node.handle.execute(order(session)).await;
        assert!(matches!(answer, Err(HandleError::Store(StoreError::Io { .. }))), "{answer:?}");
        assert!(node.view(session).await.cause.is_some());
        fs::remove_file(&store).unwrap();
        fs::rename(&aside, &store).unwrap();
        assert_eq!(stored(&folder), [file_of(session)]);
        fs::remove_file(store.join(file_of(session))).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_for_good_aborts_its_sessions_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut signers = network(1, TCP, |config| config).await;
    let bootstrap = signers[0].address().await;
    let mut leaving =
        Signer::start(2, config(Some(&bootstrap), folder.path()).with_goodbye(Goodbye::Abort));
    let session = propose(&leaving, among([1, 2, 3])).await;
    join(&mut signers[0], session).await;
    // The node can only tell signers that it knows.
    let me = leaving.view(session).await.me;
    let joined = |event: &NodeEvent| {
        matches!(event, NodeEvent::Session { event: Event::SignerJoined { signer, .. }, .. } if *signer != me)
            .then_some(())
    };
    leaving.until(joined).await;
    let start = Instant::now();
    leaving.handle.stop().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(stored(&folder), [""; 0]);

    let aborted = signers[0].until(|event| match event {
        NodeEvent::Session { event: Event::SessionAborted { cause, .. }, .. } => {
            Some(cause.clone())
        }
        _ => None,
    });
    let place = among([1, 2, 3]).signers().to_vec();
    let mut sorted = place.clone();
    sorted.sort_unstable();
    let leaver = sorted.iter().position(|key| *key == place[1]).unwrap();
    let AbortCause::BySigner { signer, reason: AbortReason::Requested(note) } = aborted.await
    else {
        panic!("another cause")
    };
    assert_eq!(
        (signer, note.as_str()),
        (SignerIndex::new(leaver as u16), "this signer's node was stopped")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_approval_is_deleted_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let node = Signer::start(1, config(None, folder.path()));
    let session = propose(&node, among([1, 2]).with_duration(Duration::from_secs(1))).await;
    let expires = node.view(session).await.manifest.expires_at().as_millis();
    let expires = UNIX_EPOCH + Duration::from_millis(expires);
    node.handle.stop().await;
    assert_eq!(stored(&folder), [file_of(session)]);
    tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await;

    let mut again = Signer::start(1, config(None, folder.path()));
    let told = again.until(|event| match event {
        NodeEvent::NotResumed { session, error } => Some((*session, error.clone())),
        _ => None,
    });
    let (told, error) = told.await;
    assert!(told == session && error.contains("expired"), "{error}");
    again.handle.stop().await;
    assert_eq!(stored(&folder), [""; 0]);
}

/// They come before the addresses that it listens on, as its announcement shows.
#[tokio::test(flavor = "multi_thread")]
async fn co_signers_are_told_a_nodes_configured_addresses_first() {
    let folder = tempfile::tempdir().unwrap();
    let external: Multiaddr = "/dns4/signer.example/tcp/4001".parse().unwrap();
    let config = config(None, folder.path()).with_external_addresses([external.clone()]);
    let mut node = Signer::start(1, config);
    let listening: Multiaddr = node.address().await.iter().take(2).collect();
    let session = propose(&node, among([1, 2])).await;
    let file = fs::read(folder.path().join("approvals").join(file_of(session))).unwrap();
    let announcement: Announcement = decode_message(&file[32..], 1 << 20).unwrap();
    let [own] = &announcement.content.contacts[..] else { panic!("it knows nobody else") };
    assert_eq!(PeerContact::decode(&own.contact).unwrap().addresses(), [external, listening]);
}

/// Nothing can be written, because a file is in the place of the folder.
#[tokio::test(flavor = "multi_thread")]
async fn an_unwritable_store_refuses_joins_and_aborts_own_sessions() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut signers = network(1, TCP, |config| config).await;
    let bootstrap = signers[0].address().await;
    let mut node = Signer::start(2, config(Some(&bootstrap), folders[0].path()));
    fs::remove_dir_all(folders[0].path()).unwrap();
    fs::write(folders[0].path(), b"in the way").unwrap();
    let session = propose(&signers[0], among([1, 2])).await;
    let discovered = |event: &NodeEvent| {
        matches!(event, NodeEvent::Session { event: Event::SessionDiscovered { .. }, .. })
            .then_some(())
    };
    node.until(discovered).await;
    let refused = node.handle.execute(Command::JoinSession { session }).await;
    assert!(matches!(refused, Err(HandleError::Store(StoreError::NoFolder { .. }))), "{refused:?}");
    let own = node.handle.create_session(among([1, 2])).await.unwrap();
    let announce = Command::AnnounceSession { session: own, audience: Audience::Everyone };
    let refused = node.handle.execute(announce).await;
    assert!(matches!(refused, Err(HandleError::Store(StoreError::NoFolder { .. }))), "{refused:?}");
    assert!(node.view(own).await.cause.is_some());
    // The other one polls for as long as it may, and this node never joins.
    assert_eq!(signers[0].view(session).await.joined.len(), 1);
}

#[tokio::test]
async fn only_one_node_at_a_time_uses_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let first = Signer::start(1, config(None, folder.path()));
    let store = folder.path().join("approvals");
    assert_eq!(
        refused(&folder).to_string(),
        format!(
            "another node is using the store of approvals {}: stop it, or give this one its own folder",
            store.display()
        )
    );
    first.handle.stop().await;
    Signer::start(1, config(None, folder.path()));
}

fn refused(folder: &TempDir) -> StoreError {
    match Node::start(config(None, folder.path()), [SecretKey::new([1; 32])]) {
        Err(StartError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Tries every way in which a disk or a person can damage a file.
#[tokio::test]
async fn a_damaged_approval_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let node = Signer::start(1, config(None, folder.path()));
    let session = propose(&node, among([1, 2])).await;
    node.handle.stop().await;
    let path = folder.path().join("approvals").join(file_of(session));
    let good = fs::read(&path).unwrap();
    let damaged = |bytes: &[u8], at: &PathBuf| {
        fs::remove_file(&path).unwrap_or_default();
        fs::write(at, bytes).unwrap();
        let error = refused(&folder);
        assert!(matches!(&error, StoreError::Damaged { path, .. } if path == at), "{error}");
        assert!(error.to_string().contains(&at.display().to_string()), "{error}");
        assert_eq!(fs::read(at).unwrap(), bytes);
        fs::remove_file(at).unwrap();
    };
    damaged(&[], &path);
    damaged(&good[..good.len() - 1], &path);
    for place in [0, 32, good.len() / 2, good.len() - 1] {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        damaged(&flipped, &path);
    }
    damaged(&[good.as_slice(), &[0]].concat(), &path);
    damaged(&vec![0; (1 << 20) + 33], &path);
    damaged(&good, &path.with_file_name("another.approval"));

    fs::write(&path, &good).unwrap();
    fs::write(path.with_added_extension("new"), b"cut short by a crash").unwrap();
    let mut again = Signer::start(1, config(None, folder.path()));
    assert_eq!(resumed(&mut again).await, session);
    assert_eq!(stored(&folder), [file_of(session)]);
}

/// The approval stays, for a start with the key that gave it.
#[tokio::test]
async fn without_its_key_a_session_is_neither_resumed_nor_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let node = Signer::start(1, config(None, folder.path()));
    let session = propose(&node, among([1, 2])).await;
    node.handle.stop().await;
    let mut other = Signer::start(3, config(None, folder.path()));
    let told = other.until(|event| match event {
        NodeEvent::NotResumed { session, error } => Some((*session, error.clone())),
        _ => None,
    });
    assert_eq!(told.await, (session, musig2_proto::CommandError::NotASigner.to_string()));
    other.handle.stop().await;
    assert_eq!(resumed(&mut Signer::start(1, config(None, folder.path()))).await, session);
}
