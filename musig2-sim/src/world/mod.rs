//! The simulation: nodes, network and applications, in one thread and in virtual time.

mod corrupted;
mod crash;
mod error;
mod host;
mod liveness;
mod pause;
mod run;
mod silence;

pub use error::{OrderError, RunError};

use crate::adversary::Pot;
use crate::application::Application;
use crate::chance::{Chance, Decision, Domain, Probability};
use crate::clock::Dial;
use crate::engine::Engine;
use crate::ids::NodeId;
use crate::network::{NetworkModel, Router};
use crate::oracle::{Coverage, Violation, Watch};
use crate::plan::{CrashMoment, NodePlan, Pause, Plan, PlanError, Strategy};
use crate::queue::{Happening, Queue};
use crate::time::Micros;
use crate::trace::Trace;
use host::Host;
use musig2_proto::{Command, DefaultCrypto, Event, Node, PublicKey, SessionId, SessionView};

/// The share of worlds that are checked closely without being asked to: one in 64.
const SCRUTINY: Probability = Probability::per_million(15_625);

/// A discrete-event simulation of real [`Node`]s: it carries their frames and publications as the
/// [`Plan`] says, wakes them at their deadlines, and plays their applications. The same plan always
/// gives the same run.
///
/// ```
/// use musig2_sim::{Plan, Probability, World};
///
/// let plan = Plan::one_session(3).with_seed(1).with_loss(Probability::percent(10));
/// let mut world = World::new(plan)?;
/// world.run_until_quiet()?;
/// world.check()?;
/// println!("signed after {} with {} frames", world.now(), world.counters().frames);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct World<C: Engine = DefaultCrypto> {
    plan: Plan,
    chance: Chance,
    router: Router,
    queue: Queue,
    hosts: Vec<Host<C>>,
    /// What adversaries share.
    pot: Pot,
    /// The ids of the plan's sessions; `None` until a session is made.
    sessions: Vec<Option<SessionId>>,
    now: Micros,
    counters: Counters,
    trace: Trace,
    watch: Watch,
}

/// How many messages there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Frames that nodes sent.
    pub frames: u64,
    /// Bytes in them.
    pub frame_bytes: u64,
    /// Publications that nodes made.
    pub publications: u64,
    /// Frames and publications that reached a node, duplicates included.
    pub received: u64,
    /// Frames, and publications to one node, that were lost: by chance, in a partition, on a full
    /// link, or because no node was there.
    pub lost: u64,
    /// Frames, and publications to one node, that arrived twice.
    pub duplicated: u64,
    /// Frames, and publications to one node, that arrive altered.
    pub altered: u64,
}

impl World {
    /// Sets up the world at moment zero, on the engine that real signers use.
    ///
    /// # Errors
    /// If the plan contradicts itself.
    pub fn new(plan: Plan) -> Result<Self, PlanError> {
        Self::with_engine(plan)
    }
}

impl<C: Engine> World<C> {
    /// Sets up the world at moment zero, on the caller's engine:
    /// `World::<Transparent>::with_engine(plan)`.
    ///
    /// # Errors
    /// If the plan contradicts itself.
    pub fn with_engine(plan: Plan) -> Result<Self, PlanError> {
        plan.check()?;
        Node::<C>::with_engine(plan.config.clone())?;
        // The engine's record starts with the world, before any node uses the engine.
        C::begin();
        let chance = Chance::new(plan.seed);
        let host = |(node, habits): (NodeId, &NodePlan)| {
            let rng_of = match habits.strategy {
                Some(Strategy::Clone { of }) => of,
                _ => node,
            };
            Host::<C>::new(&chance, plan.key_of(node), rng_of, Dial::new(&habits.clock))
        };
        let hosts: Vec<_> = plan.node_ids().zip(&plan.nodes).map(host).collect();
        let keys =
            plan.node_ids().zip(&hosts).map(|(node, host)| (host.public_key, plan.is_honest(node)));
        let watch = Watch::new(keys);
        let nodes = u16::try_from(plan.nodes.len()).unwrap_or(u16::MAX);
        let mut queue = Queue::default();
        for (node, plan) in plan.node_ids().zip(&plan.nodes) {
            queue.add(plan.starts_at, Happening::Start(node));
            for jump in &plan.clock.jumps {
                queue.add(jump.at, Happening::Jump(node, jump.by));
            }
        }
        for (session, plan) in plan.sessions.iter().enumerate() {
            queue.add(plan.at, Happening::Propose(session));
        }
        for crash in &plan.crashes {
            if let CrashMoment::At(at) = crash.when {
                queue.add(at, Happening::Crash(*crash));
            }
        }
        for &Pause { node, from, until, deaf } in &plan.pauses {
            let until = until.min(plan.network.heals_at.unwrap_or(until));
            if from < until {
                queue.add(from, Happening::Pause { node, until, deaf });
            }
        }
        for partition in &plan.network.partitions {
            let until = partition.until.min(plan.network.heals_at.unwrap_or(partition.until));
            let noticed = partition.noticed_after.map(|delay| partition.from + delay);
            let Some(noticed) = noticed.filter(|noticed| *noticed < until) else { continue };
            for (node, peer) in partition.pairs() {
                queue.add(noticed, Happening::PeerLost { node, peer });
                queue.add(until, Happening::PeerConnected { node, peer });
            }
        }
        let mut world = Self {
            router: Router::new(plan.network.clone(), nodes, chance.clone()),
            chance,
            queue,
            hosts,
            pot: Pot::default(),
            sessions: vec![None; plan.sessions.len()],
            now: Micros::ZERO,
            counters: Counters::default(),
            trace: Trace::default(),
            watch,
            plan,
        };
        for node in world.plan.node_ids() {
            let strategy = world.plan.nodes.get(node.as_usize()).and_then(|plan| plan.strategy);
            if let Some(adversary) = strategy.and_then(Strategy::adversary) {
                world.corrupt(node, adversary);
            }
        }
        let closely = Decision::of_node(Domain::Scrutiny, NodeId::new(0), 0);
        Ok(if world.chance.happens(SCRUTINY, closely) { world.closely() } else { world })
    }

    /// Checks every step more closely: messages are canonical, views agree with what was proposed,
    /// no message, event or view contains a secret, and repeating what a node has already heard
    /// changes nothing (if the engine allows a node to be copied). This takes several times as long
    /// as the run itself, and does not change the run. One seed in 64 is checked like this without
    /// being asked to.
    #[must_use]
    pub fn closely(mut self) -> Self {
        let nodes = self.plan.node_ids().filter(|&node| self.is_honest(node));
        let secrets = nodes.map(|node| *host::keypair::<C>(&self.chance, node).0.expose_secret());
        let secrets = secrets.collect();
        // A clone runs on with the same generator as the original, so for clones the generators do
        // not differ.
        let is_copy = |node: &NodePlan| matches!(node.strategy, Some(Strategy::Clone { .. }));
        let generators_differ = !self.plan.nodes.iter().any(is_copy);
        self.watch.look_closely(secrets, generators_differ);
        self
    }

    /// Lets the caller's own network model carry all messages from now on.
    ///
    /// A model that loses messages for good may keep sessions from completing: [`World::check`]
    /// still requires every session that would complete on the plan's network.
    #[must_use]
    pub fn with_network(mut self, model: Box<dyn NetworkModel>) -> Self {
        self.router.follow(model);
        self
    }

    /// Records every step from now on, for [`Trace::recorded`] and for printing.
    #[must_use]
    pub fn recorded(mut self) -> Self {
        self.trace.record();
        self
    }

    /// Runs until no message is in flight and every session that an honest node made or joined has
    /// ended there or, if a crash made the node forget it, has expired. To see what a node does
    /// after it has finished, use [`World::run_until`].
    ///
    /// # Errors
    /// If a limit of the plan is reached first, or something happens that must not happen.
    pub fn run_until_quiet(&mut self) -> Result<(), RunError> {
        while !self.is_quiet() {
            if self.queue.next_at().is_none_or(|at| at > self.plan.time_limit) {
                return Err(RunError::NotQuiet { limit: self.plan.time_limit, open: self.open() });
            }
            self.step()?;
        }
        Ok(())
    }

    /// Runs until this moment: everything up to and including it has then happened.
    ///
    /// # Errors
    /// If the plan's step limit is reached first, or something happens that must not happen.
    pub fn run_until(&mut self, moment: Micros) -> Result<(), RunError> {
        while self.queue.next_at().is_some_and(|at| at <= moment) {
            self.step()?;
        }
        self.now = self.now.max(moment);
        Ok(())
    }

    /// Gives a node an order on behalf of its application, as a test wishes.
    ///
    /// # Errors
    /// If the node has not started, or is paused, or refuses.
    pub fn command(&mut self, node: NodeId, command: Command) -> Result<(), OrderError> {
        self.order(node, command)
    }

    /// Sets a node's clock to this many milliseconds ahead of the true one; a negative number sets
    /// it behind. A crash does not change it.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn set_clock(&mut self, node: NodeId, ahead: i64) {
        self.hosts[node.as_usize()].dial.set(self.now, ahead);
        self.clock_is_set(node);
    }

    /// Checks everything that must hold for a run once it is quiet.
    ///
    /// # Errors
    /// Says what does not hold.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_safety()?;
        self.check_liveness()
    }

    /// Returns whether everything held that must hold at every moment, whatever the network does.
    /// This was checked at every step, and the first violation also ended the run with
    /// [`RunError::Violated`]:
    ///
    /// - with a [`Recording`](crate::Recording) engine: a secret nonce answers at most one
    ///   challenge, and what it signs was approved by the node's application and has not expired;
    /// - signatures verify under independently computed keys, for what all signers approved, and
    ///   are the same on all honest nodes that ended with the same attempt;
    /// - no node speaks in a session that it did not approve; a session ends once in each life of a
    ///   node, and not after it has expired;
    /// - no honest node is blamed or reported, and the bytes of evidence are enough to convict;
    /// - a call gives out only a bounded number of outputs, and makes the engine check only a
    ///   bounded number of signatures;
    /// - a world that is checked [closely](World::closely) must satisfy more.
    ///
    /// # Errors
    /// Says what did not hold.
    pub fn check_safety(&self) -> Result<(), Violation> {
        self.watch.violation().cloned().map_or(Ok(()), Err)
    }

    /// Checks that every session that all its signers approve is complete on each of them.
    ///
    /// # Errors
    /// Says which session is not, and how far it got.
    pub fn check_liveness(&self) -> Result<(), Violation> {
        liveness::liveness(self)
    }

    /// Returns the plan that the world runs.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the current moment.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Returns how many messages there have been.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns which parts of the protocol the run has reached.
    pub fn coverage(&self) -> Coverage {
        self.watch.coverage()
    }

    /// Returns what has happened.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Returns a node, if it is running.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn node(&self, node: NodeId) -> Option<&Node<C>> {
        self.hosts[node.as_usize()].node()
    }

    /// Returns what a node's application did and was told in the current life, or the last one if
    /// the node is down. [`World::lives`] has all of them.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn application(&self, node: NodeId) -> &Application {
        &self.hosts[node.as_usize()].application
    }

    /// Returns a node's public key.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn public_key(&self, node: NodeId) -> PublicKey {
        self.hosts[node.as_usize()].public_key
    }

    /// Returns the id of the plan's session with this number; `None` until it is made.
    pub fn session_id(&self, session: usize) -> Option<SessionId> {
        self.sessions.get(session).copied().flatten()
    }

    /// Returns a node's view of the plan's session with this number, if the node knows the session.
    ///
    /// # Panics
    /// If the plan has no such node.
    pub fn view(&self, node: NodeId, session: usize) -> Option<SessionView> {
        self.node(node)?.session(&self.session_id(session)?)
    }

    /// Returns when the last signer completed the plan's session with this number; `None` until all
    /// have.
    pub fn completed_at(&self, session: usize) -> Option<Micros> {
        let id = self.session_id(session)?;
        let signers = &self.plan.sessions.get(session)?.signers;
        let ends = signers.iter().map(|&signer| match self.application(signer).terminal(&id)? {
            (at, Event::SessionComplete { .. }) => Some(at),
            _ => None,
        });
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Returns the keys of a session's signers, sorted (BIP327 KeySort).
    pub(crate) fn sorted_keys(&self, session: usize) -> Vec<PublicKey> {
        let signers = self.plan.sessions.get(session).into_iter().flat_map(|plan| &plan.signers);
        let mut keys: Vec<_> = signers.map(|&signer| self.public_key(signer)).collect();
        keys.sort_unstable();
        keys
    }

    fn is_quiet(&self) -> bool {
        // A session that a crash made a node forget can come back until it expires, or until nobody
        // has anything more to say.
        let silent = self.queue.next_at().is_none();
        let rests = |host: &Host<C>| {
            let mut forgotten = host.application.forgotten.values();
            host.application.open.is_empty()
                && (silent || forgotten.all(|until| host.clock(self.now) >= *until))
        };
        self.queue.is_idle() && self.honest_hosts().all(|(_, host)| rests(host))
    }

    /// Returns the honest nodes. A Byzantine node may leave sessions open for ever, and must not
    /// hold up the run.
    fn honest_hosts(&self) -> impl Iterator<Item = (NodeId, &Host<C>)> {
        self.plan.node_ids().zip(&self.hosts).filter(|(node, _)| self.is_honest(*node))
    }

    fn open(&self) -> Vec<(NodeId, SessionId)> {
        self.honest_hosts()
            .flat_map(|(node, host)| host.application.open.iter().map(move |&id| (node, id)))
            .collect()
    }
}
