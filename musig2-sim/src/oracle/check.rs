//! The checks themselves. They compare what the nodes told their applications with the plan.

use super::{Engine, Judge, Progress, Violation};
use crate::network::NodeId;
use crate::plan::SessionPlan;
use crate::world::World;
use musig2_proto::{AbortCause, Event, Fault, MAX_RESTARTS, Report, SessionId, Severity, Signature};

/// Safety, whatever the network and Byzantine nodes did: one end for each life of an honest node and session; no honest signer blamed; whoever completed
/// did so with the signatures of everyone else, under the right keys, over what was proposed and approved by all.
pub(crate) fn safety<C: Engine>(world: &World<C>) -> Result<(), Violation> {
    for (session, id) in world.session_ids() {
        let mut first: Option<(NodeId, &[Signature])> = None;
        // Two attempts can both be filled, each on other nodes: two sets of signatures, both good.
        let restarted =
            world.plan().node_ids().any(|node| world.lives(node).count() > 1 || !world.is_honest(node));
        for node in honest(world) {
            check_ends(world, session, id, node)?;
            for signatures in signed(world, id, node) {
                check_view(world, session, id, node)?;
                match first {
                    Some((_, same)) if same == signatures => {}
                    Some((one, _)) if !restarted => {
                        return Err(Violation::Disagreement { session, one, other: node });
                    }
                    _ => check_signatures(world, session, node, signatures)?,
                }
                first.get_or_insert((node, signatures));
            }
        }
        if first.is_some() {
            check_approved(world, session, id)?;
        }
    }
    check_blame(world)?;
    C::check_nonces().map_err(Violation::Nonce)
}

/// Liveness, once the network has healed and the world is quiet: a session that must complete by its plan, and that was not lost with
/// everyone's memory, is complete on each of its signers.
pub(crate) fn liveness<C: Engine>(world: &World<C>) -> Result<(), Violation> {
    for (session, plan) in world.plan().sessions.iter().enumerate() {
        let honest = plan.signers.iter().all(|&node| world.is_honest(node));
        if !honest || !world.plan().must_complete(session) {
            continue;
        }
        let Some(id) = world.session_id(session) else {
            // Its coordinator was down when it was to propose, or crashed before anything of it left.
            if has_crashed(world, plan.coordinator) {
                continue;
            }
            let refusal = world.application(plan.coordinator).refusals.last();
            let refusal = refusal.map_or("its time has not come".into(), |(_, _, error)| error.to_string());
            return Err(Violation::NotCreated { session, refusal });
        };
        if !is_known(world, plan, id) {
            continue;
        }
        for &node in &plan.signers {
            let state = match world.application(node).terminal(&id) {
                Some((_, Event::SessionComplete { .. })) => continue,
                Some((_, event)) => Progress::Ended(event.clone()),
                None => match world.view(node, session) {
                    Some(view) => Progress::Open { phase: view.phase, awaiting: view.awaiting },
                    None => Progress::Unknown,
                },
            };
            return Err(Violation::NotComplete { session, node, state });
        }
    }
    Ok(())
}

/// Whether a signer still knows of a session: after crashes, what nobody knows is gone.
fn is_known<C: Engine>(world: &World<C>, plan: &SessionPlan, id: SessionId) -> bool {
    let knows = |&node: &NodeId| {
        let application = world.application(node);
        application.open.contains(&id) || application.terminal(&id).is_some()
    };
    !plan.signers.iter().any(|&node| has_crashed(world, node)) || plan.signers.iter().any(knows)
}

fn has_crashed<C: Engine>(world: &World<C>, node: NodeId) -> bool {
    world.node(node).is_none() || world.lives(node).count() > 1
}

/// The network alters nothing: an honest node that is convicted is innocent, but of having restarted more often than is allowed, and one that is
/// reported has at most passed on what it was right to pass on. What Byzantine nodes say of others is nothing to go by.
fn check_blame<C: Engine>(world: &World<C>) -> Result<(), Violation> {
    for node in honest(world) {
        for life in world.lives(node) {
            for (_, event) in &life.events {
                if is_unjust(world, event) {
                    return Err(Violation::HonestBlamed { node, event: event.clone() });
                }
            }
            let malicious = |report: &&Report| {
                let source = NodeId::from_address(report.source.as_bytes());
                report.offence.severity() == Severity::Malicious
                    && source.is_none_or(|source| world.is_honest(source))
            };
            if let Some(report) = life.reports.iter().map(|(_, report)| report).find(malicious) {
                return Err(Violation::HonestReported { node, report: report.clone() });
            }
        }
    }
    Ok(())
}

fn honest<C: Engine>(world: &World<C>) -> impl Iterator<Item = NodeId> {
    world.plan().node_ids().filter(|&node| world.is_honest(node))
}

fn is_unjust<C: Engine>(world: &World<C>, event: &Event) -> bool {
    match event {
        Event::SessionAborted { cause: AbortCause::RivalInstance, .. } => true,
        Event::SessionAborted { cause: AbortCause::Convicted { signer, fault, evidence }, .. } => {
            let is_guilty = |node: NodeId| {
                let restarted = world.lives(node).count() > MAX_RESTARTS + 1;
                evidence.manifest.signer(*signer) == Some(&world.public_key(node))
                    && (!world.is_honest(node) || restarted && *fault == Fault::RestartLimit)
            };
            !world.plan().node_ids().any(is_guilty)
        }
        _ => false,
    }
}

fn check_ends<C: Engine>(
    world: &World<C>,
    session: usize,
    id: SessionId,
    node: NodeId,
) -> Result<(), Violation> {
    for life in world.lives(node) {
        let events: Vec<_> = life.terminals(&id).map(|(_, event)| event.clone()).collect();
        if events.len() > 1 {
            return Err(Violation::SeveralEnds { session, node, times: events.len(), events });
        }
    }
    Ok(())
}

/// The signatures a node gave its application: at the end, or late.
fn signed<C: Engine>(world: &World<C>, id: SessionId, node: NodeId) -> impl Iterator<Item = &[Signature]> {
    let events = world.lives(node).flat_map(|life| &life.events);
    events.filter_map(move |(_, event)| match event {
        Event::SessionComplete { session, signatures } | Event::LateSignature { session, signatures } => {
            (*session == id).then_some(signatures.as_slice())
        }
        _ => None,
    })
}

fn check_signatures<C: Engine>(
    world: &World<C>,
    session: usize,
    node: NodeId,
    signatures: &[Signature],
) -> Result<(), Violation> {
    let Some(plan) = world.plan().sessions.get(session) else { return Ok(()) };
    let (got, items) = (signatures.len(), plan.items.len());
    if got != items {
        return Err(Violation::WrongCount { session, node, got, items });
    }
    let (signers, view) = (world.sorted_keys(session), world.view(node, session));
    for (item, (content, signature)) in plan.items.iter().zip(signatures).enumerate() {
        let key = C::Judge::output_key(&signers, content).map_err(|error| Violation::NoKey {
            session,
            item,
            error,
        })?;
        if !C::Judge::is_valid(&key, content.message(), signature) {
            return Err(Violation::InvalidSignature { session, node, item });
        }
        // Every node's view has these keys, or its manifest differs from the plan's: see `check_view`.
        if view.as_ref().is_some_and(|view| view.output_keys.get(item).map(|output| output.key) != Some(key))
        {
            return Err(Violation::WrongKey { session, node, item });
        }
    }
    Ok(())
}

/// The manifest that a node signed is the one the plan says. (A node may have forgotten it, after its time.)
fn check_view<C: Engine>(
    world: &World<C>,
    session: usize,
    id: SessionId,
    node: NodeId,
) -> Result<(), Violation> {
    let Some(view) = world.view(node, session) else { return Ok(()) };
    let items = world.plan().sessions.get(session).map(|plan| plan.items.as_slice());
    let same = view.manifest.id() == id
        && Some(view.manifest.items()) == items
        && view.manifest.signers() == world.sorted_keys(session);
    if same { Ok(()) } else { Err(Violation::OtherManifest { session, node }) }
}

fn check_approved<C: Engine>(world: &World<C>, session: usize, id: SessionId) -> Result<(), Violation> {
    let Some(plan) = world.plan().sessions.get(session) else { return Ok(()) };
    let approves = |node: NodeId| world.lives(node).any(|life| life.approved.contains(&id));
    let missing = plan.signers.iter().find(|node| world.is_honest(**node) && !approves(**node));
    missing.map_or(Ok(()), |&node| Err(Violation::NotApproved { session, node }))
}
