//! Orders to a running node.

use super::signer_state::SignerState;
use super::store::StoreError;
use crate::Behaviour;
use libp2p::PeerId;
use musig2_proto::{Command, CommandError, Proposal, PublicKey, SessionId, SessionView};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Orders to a running [`Node`](crate::Node). Cheap to clone; the node stops when [`Handle::stop`] is called or the last one is dropped.
///
/// Every function waits until the node has carried the order out; orders are carried out one after another, in the order given.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) peer_id: PeerId,
    pub(crate) public_keys: Arc<[PublicKey]>,
    pub(crate) orders: mpsc::Sender<Order>,
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The core refused it. Nothing changed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The store of approvals failed. A session that could not be stored was not joined, and one that was announced already is aborted. One whose approval
    /// could not be deleted has ended all the same; a restart before its expiry would take it up again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node has stopped.
    #[error("the node has stopped: start another")]
    Stopped,
}

impl Handle {
    /// The node's network identity.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The keys the node signs with, in the order they were given to [`Node::start`](crate::Node::start).
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }

    /// Carries out an order to the core: announce, join, decline, step, abort. What comes of it arrives as events.
    ///
    /// # Errors
    /// Where the core refuses it, and then nothing changed; or the node has stopped.
    pub async fn execute(&self, command: Command) -> Result<(), HandleError> {
        self.order(|reply| Order::Execute { command, reply }).await?
    }

    /// Creates a session, which is consent to sign it. Nobody hears of it before [`Command::AnnounceSession`].
    ///
    /// # Errors
    /// Where the core refuses the proposal, or the node has stopped.
    pub async fn create_session(&self, proposal: Proposal) -> Result<SessionId, HandleError> {
        self.order(|reply| Order::Create { proposal, reply }).await?
    }

    /// A session as it stands; `None` where it is unknown or forgotten.
    ///
    /// # Errors
    /// Where the node has stopped.
    pub async fn session(&self, session: SessionId) -> Result<Option<SessionView>, HandleError> {
        self.ask(move |signing| signing.core().session(&session)).await
    }

    /// All sessions, those that ended a short while ago included.
    ///
    /// # Errors
    /// Where the node has stopped.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, HandleError> {
        self.ask(|signing| signing.core().sessions().collect()).await
    }

    /// How this node is connected to these signers, in their order. Which peer a signer is, the node knows from [`Command::AddContact`], from sessions that
    /// it took part in, and from the hellos and proposals of signers that it knows from there: see [`musig2_proto::Node::signer`]. Tell it of others by
    /// [`Command::AddContact`] with an empty contact. It looks up what it is asked for, and dials nobody.
    ///
    /// # Errors
    /// Where the node has stopped.
    pub async fn signers(
        &self,
        signers: impl IntoIterator<Item = PublicKey>,
    ) -> Result<Vec<SignerState>, HandleError> {
        let signers = signers.into_iter().collect();
        self.order(|reply| Order::Signers { signers, reply }).await
    }

    /// Stops the node: says goodbye as [`NodeConfig::goodbye`](crate::NodeConfig::goodbye) says, sends what is queued (for a second at
    /// most), closes all connections, and returns when all is done. Does nothing on a stopped node.
    pub async fn stop(&self) {
        // An error is a node that stopped for another reason first.
        let _ = self.order(|reply| Order::Stop { reply }).await;
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Behaviour) -> T + Send + 'static,
    ) -> Result<T, HandleError> {
        // An error is a caller that has stopped waiting.
        self.order(|reply| Order::Ask(Box::new(|signing| drop(reply.send(question(signing))))))
            .await
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<T>) -> Order,
    ) -> Result<T, HandleError> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| HandleError::Stopped)?;
        answer.await.map_err(|_| HandleError::Stopped)
    }
}

/// An order on its way to the node's task.
pub(crate) enum Order {
    /// Something to look up, which answers by itself.
    Ask(Box<dyn FnOnce(&Behaviour) + Send>),
    Execute {
        command: Command,
        reply: oneshot::Sender<Result<(), HandleError>>,
    },
    Create {
        proposal: Proposal,
        reply: oneshot::Sender<Result<SessionId, HandleError>>,
    },
    Signers {
        signers: Vec<PublicKey>,
        reply: oneshot::Sender<Vec<SignerState>>,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}
