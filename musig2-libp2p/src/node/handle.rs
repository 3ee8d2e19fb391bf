//! Orders to a running node.

use super::signer_state::SignerState;
use super::store::StoreError;
use crate::Behaviour;
use libp2p::PeerId;
use musig2_proto::{Command, CommandError, Proposal, PublicKey, SessionId, SessionView};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Gives orders to a running [`Node`](crate::Node). Cheap to clone. The node stops when
/// [`Handle::stop`] is called or the last handle is dropped.
///
/// Every function waits until the node has carried out the order. Orders are carried out one after
/// another, in the order in which they were given.
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
    /// The core refused the order. Nothing changed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The store of approvals failed. A session that could not be stored was not joined; if it was
    /// this node's own, it has been aborted. A session whose approval could not be deleted has
    /// ended anyway, but a restart before its expiry would resume it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
}

impl Handle {
    /// The node's network identity.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// The keys that the node signs with, in the order in which they were given to
    /// [`Node::start`](crate::Node::start).
    pub fn public_keys(&self) -> &[PublicKey] {
        &self.public_keys
    }

    /// Carries out an order to the core: announce, join, decline, step, abort. Its results arrive
    /// as events.
    ///
    /// # Errors
    /// If the core refuses it, in which case nothing changed, or if the node has stopped.
    pub async fn execute(&self, command: Command) -> Result<(), HandleError> {
        self.order(|reply| Order::Execute { command, reply }).await?
    }

    /// Creates a session, which is also this node's consent to sign it. Nobody hears of it before
    /// [`Command::AnnounceSession`].
    ///
    /// # Errors
    /// If the core refuses the proposal, or the node has stopped.
    pub async fn create_session(&self, proposal: Proposal) -> Result<SessionId, HandleError> {
        self.order(|reply| Order::Create { proposal, reply }).await?
    }

    /// Returns a session as it stands; `None` if it is unknown or forgotten.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn session(&self, session: SessionId) -> Result<Option<SessionView>, HandleError> {
        self.ask(move |signing| signing.core().session(&session)).await
    }

    /// Returns all sessions, including those that ended a short while ago.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, HandleError> {
        self.ask(|signing| signing.core().sessions().collect()).await
    }

    /// Returns how this node is connected to these signers, in their order.
    ///
    /// The node knows a signer's peer from [`Command::AddContact`], from sessions that it took part
    /// in, and from the hellos and proposals of signers that it knows from those: see
    /// [`musig2_proto::Node::signer`]. Tell it of other signers with [`Command::AddContact`] and an
    /// empty contact. This function only looks up what it is asked for, and dials nobody.
    ///
    /// # Errors
    /// If the node has stopped.
    pub async fn signers(
        &self,
        signers: impl IntoIterator<Item = PublicKey>,
    ) -> Result<Vec<SignerState>, HandleError> {
        let signers = signers.into_iter().collect();
        self.order(|reply| Order::Signers { signers, reply }).await
    }

    /// Stops the node: treats open sessions as [`NodeConfig::goodbye`](crate::NodeConfig::goodbye)
    /// says, sends what is queued (for at most a second), closes all connections, and returns when
    /// all of that is done. Does nothing if the node has stopped.
    pub async fn stop(&self) {
        // An error means that the node stopped earlier for another reason.
        let _ = self.order(|reply| Order::Stop { reply }).await;
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Behaviour) -> T + Send + 'static,
    ) -> Result<T, HandleError> {
        // Sending fails only if the caller has stopped waiting.
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
    /// A question about the core; the closure sends the answer.
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
